/** Ways to keep a dump every night, and the bytes that each has stored. */
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ChunkSizes } from "../../../core/archive/quilting/layouts/chunker.ts";
import { Ledger } from "../../../core/archive/quilting/layouts/ledger.ts";
import { PackLayout } from "../../../core/archive/quilting/layouts/packs.ts";
import { openState, statePath } from "../../../core/archive/state/database.ts";
import { BitSet } from "../../../core/archive/state/tables/bit-set.ts";
import type { BucketWriter } from "../../../core/bucket/contract.ts";
import { fromText } from "../../../core/format/path.ts";
import { writeConf } from "../../support/program.ts";
import { run } from "../../support/services/command.ts";
import { measure } from "../measure.ts";
import { firstLine } from "../tools/tool.ts";

export type Keeper = {
  readonly name: string;
  keep(dump: string, night: number): Promise<void>;
  /** Returns the bytes that it has stored until now. */
  stored(): Promise<number>;
};

const main = join(import.meta.dir, "../../../cmd/main.ts");

/** Each dump whole, compressed as the layout `objects` does it. */
export function whole(): Keeper {
  let bytes = 0;
  const keep = async (dump: string) => {
    bytes += Number(await run(["sh", "-c", `zstd -q -3 -c '${dump}' | wc -c`]));
  };
  return { name: "whole dumps, zstd 3", keep, stored: async () => bytes };
}

/** The program, all that it puts counted: packs, manifests, index. */
export async function sysbackup(folder: string): Promise<Keeper> {
  const home = join(folder, "sysbackup");
  const dump = join(folder, "dump.sql");
  const { conf, bucket } = await writeConf(home, { snapshotters: { app: `exec cat '${dump}' >&"$1"` } });
  const env = { XDG_CACHE_HOME: home, BUN_JSC_thresholdForFTLOptimizeAfterWarmUp: "1000000" };
  return {
    name: "sysbackup",
    keep: async () => {
      await measure([process.execPath, main, "archive", "--conf-dir", conf], env);
    },
    stored: () => bytesBelow(bucket),
  };
}

export async function restic(folder: string): Promise<Keeper | undefined> {
  const version = await firstLine(["restic", "version"]);
  if (version === undefined) return undefined;
  const repository = join(folder, "restic");
  const env = { RESTIC_PASSWORD: "bench", RESTIC_REPOSITORY: repository, RESTIC_CACHE_DIR: join(folder, "cache") };
  await measure(["restic", "init", "--repository-version", "2"], env);
  return {
    name: `${version.split(" ").slice(0, 2).join(" ")} --stdin`,
    keep: async (dump) => {
      await measure(["sh", "-c", `restic backup --quiet --stdin --stdin-filename app.sql < '${dump}'`], env);
    },
    stored: () => bytesBelow(repository),
  };
}

/** Packs alone, with chunks of other sizes. `meta`: what an extent and a line of the index take beside them. */
export async function packsOf(folder: string, name: string, sizes: ChunkSizes): Promise<Keeper> {
  const home = join(folder, name.replaceAll(" ", "-"));
  await mkdir(home);
  const database = openState(statePath(home, "bench"), "none:");
  const until = new Date("2099-01-01T00:00:00Z");
  const meter = { bytesRead: 0, bytesStored: 0, objectsStored: 0 };
  const bucket: Pick<BucketWriter, "put" | "startUpload"> = {
    put: async (key, body) => ({ key, version: "1", size: body.length }),
    startUpload: () => Promise.reject(new Error("packs are put at once")),
  };
  const target = { bucket, retention: { mode: "GOVERNANCE", until }, filters: [] } as const;
  return {
    name,
    keep: async (dump) => {
      const ledger = new Ledger(database, { expiring: new BitSet(), claims: new BitSet() }, until, "dumps");
      const deps = { target, ledger, meter, breathe: () => Bun.sleep(0) };
      const layout = new PackLayout(deps, { packSize: 16 * 1024 * 1024, level: 3, sizes });
      await layout.addStream(fromText("/dump"), Bun.file(dump).stream());
      await layout.finish();
      ledger.close();
    },
    stored: async () => meter.bytesStored,
  };
}

async function bytesBelow(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
