import { exitStatus } from "../../../core/failure.ts";
import type { HeadEntry } from "../../../core/format/entries/entry-json.ts";
import { parseLegacyKey } from "../../../core/format/keys/legacy-keys.ts";
import type { ByteString } from "../../../core/format/path.ts";
import { backupName, rootsByAge } from "../../../restore/browse/backups.ts";
import { Gaps } from "../../../restore/browse/gaps.ts";
import { type HistoryRow, historyOf } from "../../../restore/browse/history.ts";
import { notThere, throughLinks } from "../../../restore/browse/look-up.ts";
import { parsePath } from "../../../restore/choosing/select.ts";
import type { RunSubcommand } from "../../io.ts";
import { type Browsing, browse } from "../../shared/browse.ts";
import { entryDocument, entryText } from "../../shared/entry-line.ts";
import { shownPath } from "../../shared/shown-path.ts";
import { counted } from "../../terminal/format.ts";
import type { HistoryArgs } from "./arguments.ts";

export const run: RunSubcommand<HistoryArgs> = async (args, io) => {
  const path = parsePath(args.path, "show the history of");
  return browse(args, io, async (browsing) => {
    const { bucket, config, open } = browsing;
    const roots = await rootsByAge(bucket, config.backup.name);
    // Says which names there are.
    if (roots.length === 0) await open(config.backup.name);
    const gaps = new Gaps(io.notify, (one) => one === path);
    let held = false;
    for await (const row of historyOf({ bucket, roots, path, gaps, signal: io.signal })) {
      io.out(io.json ? documentOf(row) : lineOf(row));
      held ||= row.held.state === "held";
    }
    if (!held) await explain(path, browsing, gaps);
    return gaps.exit;
  });
};

/** Throws a Failure if no backup has the path, as far as they can be read: with the path that it leads to, if there are links on the way. */
async function explain(path: ByteString, browsing: Browsing, gaps: Gaps) {
  if (gaps.exit !== exitStatus.done) return;
  const { manifest } = await browsing.open(browsing.config.backup.name);
  const end = await throughLinks({ bucket: browsing.bucket, manifest, gaps }, path);
  throw notThere(path, end ?? path, gaps);
}

function lineOf({ held, last, backups }: HistoryRow): string {
  const what =
    held.state === "held"
      ? entryText(held.entry, { timeless: isTimeless(last) }) + targetOf(held.entry)
      : words[held.state];
  return `${backupName(last)}  ${counted(backups, "backup").padEnd("100 backups".length)}  ${what}`;
}

/** Returns whether s3-sysbackup made the backup: its manifests have no times of files. */
function isTimeless({ key }: HistoryRow["last"]): boolean {
  return parseLegacyKey(key) !== undefined;
}

const words = { absent: "not there", unknown: "unknown: cannot be read" } as const;

function targetOf(entry: HeadEntry): string {
  return entry.type === "link" ? ` -> ${shownPath(entry.target)}` : "";
}

function documentOf({ held, first, last, backups }: HistoryRow): string {
  const entry =
    held.state === "held" ? (JSON.parse(entryDocument(held.entry, {}, isTimeless(last))) as object) : undefined;
  return JSON.stringify({ state: held.state, first: first.key, last: last.key, backups, entry });
}
