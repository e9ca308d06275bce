/** Tells complete backups from those in which something is known to be missing. */
import type { Manifest } from "../format/manifest/manifest.ts";

/** Codes of warnings after which more is missing than single files. */
const gravest = new Set([
  "emptied",
  "shrunken",
  "nothing-picked",
  "picker-failed",
  "picker-not-executable",
  "snapshotter-failed",
  "snapshotter-not-executable",
]);

/** Returns false for a backup whose run had errors, or lost a whole source. Single files that were left out do not count. */
export function isComplete({ totals, log }: Pick<Manifest, "totals" | "log">): boolean {
  return totals.errors === 0 && !log.some(({ code }) => gravest.has(code));
}
