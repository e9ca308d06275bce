/** Reports what was asked for, and is not in the backup. */

import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { toText } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import type { Report } from "../report/report.ts";
import type { ChosenEntries } from "./chosen.ts";
import type { Selection } from "./select.ts";
import { type LinkedWay, waysThroughLinks } from "./through-links.ts";

/** Missing paths of which the report says where the links of the backup lead: a list may have a million. */
const mostLedOn = 10_000;

/** Why and remedy for a path that may lie in what cannot be read. */
export const unread = [
  "nothing of that path is in what can be read of the manifest",
  "see to what is named above, and run again",
] as const;

type Searched = { readonly bucket: ObjectSource; readonly manifest: Manifest };

/** Call for all of a backup. `chosen`: what of it could be read. */
export async function tellMissing(
  selection: Selection,
  chosen: Pick<ChosenEntries, "hasGaps">,
  backup: Searched,
  report: Pick<Report, "lost">,
): Promise<void> {
  const missing = selection.all ? [] : selection.missing();
  const ways = await waysThroughLinks(backup, missing.slice(0, mostLedOn));
  for (const path of missing) {
    const [why, remedy] = reason(ways.get(path), chosen.hasGaps);
    report.lost("not-in-backup", { doing: "restore", what: toText(path), why, remedy, damage: false });
  }
}

function reason(way: LinkedWay | undefined, hasGaps: boolean): readonly [why: string, remedy: string] {
  if (way !== undefined)
    return [`${quoted(way.link)} is a link in the backup`, `give the path that it leads to: ${quoted(way.end)}`];
  if (hasGaps) return unread;
  return [
    "the backup has nothing of that path",
    "check its spelling, or try another backup: `sysbackup list` shows them",
  ];
}

/** Warns of choices that leave nothing over, unless an error says why. Call for all of a backup. */
export function tellNothing(
  entries: Pick<ChosenEntries, "isNothing">,
  report: Pick<Report, "warning" | "figures">,
): void {
  if (!entries.isNothing || report.figures.errors > 0) return;
  const message =
    "nothing of the backup is chosen: check --include, --exclude and --strip-components against `sysbackup ls`";
  report.warning("nothing-chosen", message);
}
