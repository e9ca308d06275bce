/**
 * Stores dumps as the content of files is stored in packs: cut where the content says, so that only what no dump or file had before is
 * put. The state database has a tree of entries for them, of which the manifest's parts are written.
 */
import type { Database } from "bun:sqlite";
import { dumpHead, dumpPath } from "../../format/entries/dump.ts";
import { isSegmentHead } from "../../format/entries/segment.ts";
import { parentOf } from "../../format/path.ts";
import { dumpChunks } from "../quilting/layouts/chunker.ts";
import type { LayoutDeps } from "../quilting/layouts/layout.ts";
import { Ledger, type UsableObjects } from "../quilting/layouts/ledger.ts";
import { PackLayout, type PackOptions } from "../quilting/layouts/packs.ts";
import { FileTable } from "../state/tables/files.ts";
import type { DumpStore } from "./snapshot.ts";

export type ChunkedDumpDeps = Pick<LayoutDeps, "target" | "meter" | "breathe"> & {
  readonly database: Database;
  readonly usable: UsableObjects;
  /** Makes `lookUp`, if others are asked. */
  readonly lookUpBy: (ledger: Ledger) => LayoutDeps["lookUp"];
  readonly pack: Omit<PackOptions, "sizes">;
};

export function chunkedDumps(deps: ChunkedDumpDeps): DumpStore {
  return async ({ dumpName, content }) => {
    const { database, target, usable, lookUpBy, pack } = deps;
    const ledger = new Ledger(database, usable, target.retention.until, "dumps");
    const layout = new PackLayout({ ...deps, ledger, lookUp: lookUpBy(ledger) }, { ...pack, sizes: dumpChunks });
    const path = dumpPath(dumpName);
    try {
      ledger.remove(path);
      const { end, extents, continued } = await layout.addStream(path, content);
      const row = { path, fingerprint: undefined, head: dumpHead(path, end, continued), bytes: end };
      if (continued === undefined) ledger.file(row, extents);
      else ledger.continuedFile(row);
      await layout.finish();
      ledger.checkSettled();
      return {};
    } catch (error) {
      await layout.abandon();
      ledger.remove(path);
      throw error;
    } finally {
      await layout.abandon();
      ledger.close();
    }
  };
}

/** Forgets all dumps but those of these names: the manifest is to have no other. */
export function keepDumps(database: Database, names: readonly string[]): void {
  const kept = new Set(names.map(dumpPath));
  const rows = new FileTable(database, "dumps");
  for (const { path, head } of rows.inOrder())
    if (!kept.has(isSegmentHead(head) ? parentOf(path) : path)) rows.remove(path);
}
