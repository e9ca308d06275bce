/** Reports what of a manifest itself cannot be read: the entries in it are lost, as far as the user has chosen them. */

import type { BundleRef, PartRef } from "../../core/format/manifest/manifest.ts";
import type { BadEntry } from "../../core/format/manifest/part.ts";
import { type ByteString, toText } from "../../core/format/path.ts";
import { quoted } from "../../core/format/quoted.ts";
import type { Loss } from "../../core/manifest/loss.ts";
import type { Report } from "../report/report.ts";
import type { Selection } from "./select.ts";

type Losing = Pick<Report, "lost">;

export function tellLostPart(report: Losing, { first, entries }: PartRef, loss: Loss): void {
  report.lost("part-lost", {
    doing: `restore ${entries} entries from`,
    what: toText(first),
    ...loss,
    why: `${loss.why}; it is a part of the manifest`,
  });
}

export function tellBadEntry(report: Losing, selection: Selection, { path, why }: BadEntry): void {
  if (path !== undefined && selection.role(path) !== "selected") return;
  report.lost("entry-unreadable", {
    doing: "restore",
    ...(path !== undefined && { path }),
    what: path === undefined ? "an entry without a readable path" : toText(path),
    why: `what the manifest says of it cannot be read: ${why}`,
    remedy: "restore it from another backup: `sysbackup list` shows them",
    damage: true,
  });
}

/** Reports an entry that `--strip-components` would put in the place of another one. */
export function tellTaken(report: Losing, stored: ByteString, path: ByteString): void {
  const why = `without the folders that --strip-components takes off, it is ${quoted(path)}, and something else of the backup has that place`;
  const remedy = "restore it by its path into another folder, or take off fewer folders";
  report.lost("path-taken", { doing: "restore", what: toText(stored), path: stored, why, remedy, damage: false });
}

export function tellSealed(report: Losing, { path, key }: BundleRef): void {
  const why = `the bundle ${JSON.stringify(key)} is sealed, and no keyfile is given`;
  const remedy = "name the keyfile that it was sealed with: --keyfile";
  report.lost("bundle-sealed", { doing: "restore", what: toText(path), why, remedy, damage: false });
}

/** Reports a bundle that cannot be read before it is thawed. */
export function tellFrozen(report: Report, { path, key }: BundleRef): void {
  const why = `the bundle ${JSON.stringify(key)} lies in an archive tier`;
  const remedy = "thaw it: run the same again with --thaw standard, or --thaw bulk, which is cheaper and slower";
  report.lost("bundle-frozen", { doing: "restore", what: toText(path), why, remedy, damage: false });
}
