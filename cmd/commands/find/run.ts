import { exitStatus, Failure } from "../../../core/failure.ts";
import { parseManifestKey } from "../../../core/format/keys/keys.ts";
import type { Manifest } from "../../../core/format/manifest/manifest.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import { backupName, eachBackup, rootsByAge } from "../../../restore/browse/backups.ts";
import { Search } from "../../../restore/browse/find.ts";
import { Gaps } from "../../../restore/browse/gaps.ts";
import { parsePattern } from "../../../restore/browse/pattern.ts";
import type { RunSubcommand } from "../../io.ts";
import { type Browsing, browse } from "../../shared/browse.ts";
import { entryDocument, entryName, entryText } from "../../shared/entry-line.ts";
import { checkPrint0, printPath } from "../../shared/print0.ts";
import type { FindArgs } from "./arguments.ts";

export const run: RunSubcommand<FindArgs> = async (args, io) => {
  const { print0 } = args;
  checkPrint0(print0, { "--json": io.json });
  checkBackups(args);
  const pattern = parsePattern(args.pattern);
  return browse(args, io, async (browsing) => {
    const gaps = new Gaps(io.notify, pattern.matches);
    const each = print0 ? "paths" : "versions";
    using search = new Search({ bucket: browsing.bucket, pattern, each, gaps, signal: io.signal });
    for await (const backup of backupsOf(args, browsing, gaps)) {
      if (backup === undefined) continue;
      const { key, manifest } = backup;
      const timeless = manifest.header.origin !== undefined;
      for await (const entry of search.in(manifest)) {
        if (io.json) io.out(entryDocument(entry, { backup: key }, timeless));
        else if (print0) printPath(entry.path, io);
        else io.out(`${shownBackup(key)}  ${entryText(entry, { timeless })} ${entryName(entry)}`);
      }
    }
    return gaps.exit;
  });
};

type SearchedBackup = { readonly key: string; readonly manifest: Manifest };

/** Manifests that are in memory at a time, in their decoded form. */
const readAhead = 2;

async function* backupsOf(
  { manifest: wanted, all }: FindArgs,
  { bucket, config, open }: Browsing,
  gaps: Gaps,
): AsyncGenerator<SearchedBackup | undefined> {
  if (wanted !== undefined) {
    const { found, manifest } = await open(wanted);
    return yield { key: nameOf(found), manifest };
  }
  const { name } = config.backup;
  const roots = await rootsByAge(bucket, all ? undefined : name);
  // Says which names there are.
  if (roots.length === 0) await open(name);
  yield* eachBackup({ bucket, roots: roots.toReversed(), gaps, atOnce: readAhead }, (manifest, { key }) => ({
    key,
    manifest,
  }));
}

/** A backup as restore takes it. */
function shownBackup(key: string): string {
  const parsed = parseManifestKey(key);
  return parsed === undefined ? key : backupName(parsed);
}

function checkBackups({ manifest, all }: FindArgs): void {
  if (manifest === undefined || !all) return;
  throw new Failure({
    doing: "find",
    why: `${JSON.stringify(manifest)} is one backup, and --all searches all`,
    remedy: "leave out one of them",
    exit: exitStatus.usage,
  });
}
