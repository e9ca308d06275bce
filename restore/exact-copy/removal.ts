/**
 * Removes what the backup does not have, for an exact copy: by descriptors, after the user was asked a second time. Nothing is removed if
 * it is not certain that the backup lacks it.
 */

import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { baseName, parentOf, toText } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import type { Pauses } from "../../core/pauses.ts";
import { remove, removeFolder } from "../../core/system/files/beneath.ts";
import type { Inode } from "../../core/system/filesystem/stat.ts";
import { SystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { Obstacle } from "../target/obstacle.ts";
import type { Target } from "../target/target.ts";
import type { Extra, Extras } from "./extras.ts";

export type Removal = {
  /** Asks for the second time. `some`: the first of them. `unasked`: nobody can be asked. */
  readonly confirm: (count: number, some: readonly string[]) => Promise<"yes" | "no" | "unasked">;
  /** Files and folders that are never removed. */
  readonly spared: readonly Inode[];
};

export type RemovalDeps = {
  readonly target: Pick<Target, "folderIfThere">;
  readonly report: Report;
  readonly pauses: Pauses;
};

/** Paths that are shown before the question. */
const shown = 10;

/** Returns why it is not certain that a backup lacks what it does not list; undefined if it is. */
export function doubtOf({ totals }: Pick<Manifest, "totals">, report: Pick<Report, "figures">): string | undefined {
  if (totals.errors + totals.warnings > 0)
    return "the backup itself is incomplete, so it may lack files that were there";
  if (report.figures.errors > 0) return "not all of the backup could be restored";
  return undefined;
}

export async function removeExtras(extras: Extras, removal: Removal, deps: RemovalDeps): Promise<void> {
  const { report, pauses } = deps;
  await extras.find();
  for (const path of extras.mounts) {
    const message = `${quoted(path)} is not looked into by --delete, as another filesystem is mounted there: name it as a path to include it`;
    report.info("mount-passed", message);
  }
  if (extras.count === 0) return;
  const some = extras.found().take(shown).toArray();
  const answer = await removal.confirm(
    extras.count,
    some.map(({ path }) => toText(path)),
  );
  if (answer === "no") return report.info("not-removed", "what the backup does not have was not removed, as answered");
  if (answer === "unasked") {
    const why = "nobody can be asked, as there is no terminal: look at it with --dry-run, and give --yes";
    return report.warning("not-removed", `what the backup does not have (${extras.count}) was not removed: ${why}`);
  }
  for (const extra of extras.found()) {
    if (pauses.due(0)) await pauses.take();
    removeOne(extra, deps);
  }
}

function removeOne({ path, isFolder }: Extra, { target, report }: RemovalDeps): void {
  try {
    const { fd } = target.folderIfThere(parentOf(path));
    if (isFolder) removeFolder(fd, baseName(path));
    else remove(fd, baseName(path));
    report.did(path, "removed");
  } catch (error) {
    if (!(error instanceof SystemError) && !(error instanceof Obstacle)) throw error;
    const why = error instanceof SystemError ? error.reason : error.parts.why;
    report.warning("not-removed", `cannot remove ${quoted(path)}: ${why}`);
  }
}
