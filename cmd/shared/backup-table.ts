/** Formats the backups of a bucket as rows of a table, for `list` and for choosing one to restore. */
import { fingerprintOf } from "../../core/format/ssh/ssh-key.ts";
import type { ListedBackup } from "../../core/manifest/list.ts";
import { bytes, type Column, count, counted, moment } from "../terminal/format.ts";

export const backupColumns: readonly Column[] = [
  { title: "name" },
  { title: "time" },
  { title: "host" },
  { title: "entries", align: "right" },
  { title: "bytes", align: "right" },
  { title: "snapshots", align: "right" },
  { title: "locked until" },
  { title: "state" },
];

export function backupRow(backup: ListedBackup): string[] {
  const time = backup.time === undefined ? "" : moment(backup.time);
  // Shown, as the rows are in the order of the server's dates.
  const dates = backup.contradiction === undefined ? "" : `, stored ${moment(backup.stored)}`;
  if (!("manifest" in backup)) return [backup.name, time, "", "", "", "", "", backup.state + dates];
  const { header, totals, proof } = backup.manifest;
  // s3-sysbackup notes no sizes.
  const size = header.origin === undefined ? bytes(totals.bytes) : "";
  const figures = [count(totals.entries), size, count(totals.snapshots)];
  const until = backup.lockedUntil.toISOString().slice(0, "2026-11-21".length);
  const signer = proof?.signedBy === undefined ? "" : `, signed by ${shortFingerprint(proof.signedBy)}`;
  return [backup.name, time, header.host, ...figures, until, stateOf(totals) + signer + dates];
}

/** As much of it as tells the keys of a fleet apart; `show` has all of it. */
function shortFingerprint(publicKey: string): string {
  return fingerprintOf(publicKey).slice("SHA256:".length).slice(0, 8);
}

/** Returns whether the run backed up everything: what it could not is in the manifest's log. */
function stateOf({ warnings, errors }: { readonly warnings: number; readonly errors: number }): string {
  if (warnings + errors === 0) return "complete";
  return `incomplete (${counted(warnings, "warning")}, ${counted(errors, "error")})`;
}
