/** What a restore says of the backup itself, and gives to its entries. */
import type { PartEntry } from "../../core/format/entries/entry.ts";
import type { Manifest, ManifestHeader } from "../../core/format/manifest/manifest.ts";
import type { Report } from "./report.ts";

/** Messages of a backup's own log that are repeated. */
const mostReported = 10;

export function tellOfBackup({ header, totals, log }: Manifest, report: Report): void {
  if (header.origin !== undefined) report.info("backup-of-s3-sysbackup", ofLegacy);
  if (totals.warnings + totals.errors === 0) return;
  const some = (number: number, one: string) => `${number} ${one}${number === 1 ? "" : "s"}`;
  const trouble = `${some(totals.errors, "error")} and ${some(totals.warnings, "warning")}`;
  const message = `the backup of ${JSON.stringify(header.name)} itself was made with ${trouble}: \`sysbackup show\` has its log`;
  report.info("backup-incomplete", message);
  const grave = log.filter(({ level }) => level !== "info");
  for (const notice of grave.slice(0, mostReported))
    report.info("backup-log", `its log, ${notice.level}: ${notice.message}`);
  if (grave.length > mostReported)
    report.info("backup-log", `its log has ${grave.length - mostReported} more of these`);
}

const ofLegacy =
  "s3-sysbackup made this backup: it has no times of files, which get that of the backup; no setuid, setgid or sticky bits; and links have the owner of what they led to";

/** Returns the entry, with the time of the backup if the manifest states no times of files. */
export function dated(entry: PartEntry, { origin, started }: ManifestHeader): PartEntry {
  if (origin === undefined || entry.type === "segment") return entry;
  return { ...entry, modified: { seconds: Math.floor(Date.parse(started) / 1000), nanoseconds: 0 } };
}
