import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import { type ListedBackup, listBackups } from "../../../core/manifest/list.ts";
import type { RunSubcommand } from "../../io.ts";
import { backupColumns, backupRow } from "../../shared/backup-table.ts";
import { connectAs } from "../../shared/connect.ts";
import { finding } from "../../shared/finding.ts";
import { count, counted, LongTable } from "../../terminal/format.ts";
import type { ListArgs } from "./arguments.ts";

export const run: RunSubcommand<ListArgs> = async ({ onlyName, ...access }, io) => {
  const { bucket } = await connectAs("restore", access, io);
  try {
    const rows = new LongTable(backupColumns);
    let found = 0;
    let unusable = 0;
    let overlaid = 0;
    let status: ExitStatus = exitStatus.done;
    let contradicted = 0;
    const { now } = finding(bucket, io);
    for await (const backup of listBackups({ bucket, now }, onlyName)) {
      io.signal.throwIfAborted();
      found += 1;
      if (backup.state === "damaged") status = exitStatus.damaged;
      else if (backup.state !== "complete" && status === exitStatus.done) status = exitStatus.incomplete;
      if (io.json) io.out(JSON.stringify(documentOf(backup)));
      else for (const line of rows.add(backupRow(backup))) io.out(line);
      if ("overlay" in backup && backup.overlay !== undefined) overlaid += 1;
      if (backup.contradiction !== undefined) contradicted += 1;
      if (!("why" in backup)) continue;
      unusable += 1;
      if (unusable <= mostNamed) io.notify({ level: "error", code: "manifest-unusable", message: backup.why });
    }
    if (unusable > mostNamed) io.notify({ level: "error", code: "manifest-unusable", message: moreUnusable(unusable) });
    if (found === 0) io.notify({ level: "info", code: "no-backups", message: noBackups(bucket.url) });
    if (overlaid > 0) io.notify({ level: "warning", code: "backup-overlaid", message: someOverlaid(overlaid, found) });
    if (contradicted > 0) {
      io.notify({ level: "warning", code: "backup-dates", message: someContradicted(contradicted, found) });
    }
    if (found > 0 && !io.json) for (const line of rows.end()) io.out(line);
    return status;
  } finally {
    await bucket.close();
  }
};

/** Roots that cannot be used of which each is reported: anybody may put any number. */
const mostNamed = 1_000;

function moreUnusable(unusable: number): string {
  return `${count(unusable - mostNamed)} more roots cannot be used: the list has their state`;
}

function noBackups(url: string): string {
  return `${JSON.stringify(url)} holds no backups`;
}

function someOverlaid(overlaid: number, found: number): string {
  return `someone put delete markers or newer versions over ${count(overlaid)} of these ${counted(found, "backup")}: each is read in its oldest whole version, which archive put; find out whose credentials did that, and run \`sysbackup verify --all\``;
}

function someContradicted(contradicted: number, found: number): string {
  return `${count(contradicted)} of these ${counted(found, "backup")} state dates that contradict the server's by more than a day: a clock was wrong, or somebody lies; none of them is taken as the newest, and each can be named exactly`;
}

function documentOf(backup: ListedBackup): object {
  const { key, name, time, stored, contradiction } = backup;
  const dates = { time, stored, ...(contradiction !== undefined && { contradiction }) };
  if (!("manifest" in backup)) return { key, name, ...dates, state: backup.state, why: backup.why };
  const { header, totals, proof } = backup.manifest;
  const { entries, files, bytes, snapshots, bundles, warnings, errors, finished } = totals;
  const state = warnings + errors === 0 ? "complete" : "incomplete";
  const { host, retain_until, tool, origin } = header;
  return {
    key,
    name,
    ...dates,
    state,
    host,
    entries,
    files,
    bytes: origin === undefined ? bytes : null,
    snapshots,
    ...(bundles !== undefined && { bundles }),
    warnings,
    errors,
    finished,
    retain_until,
    locked_until: backup.lockedUntil,
    tool,
    ...(proof?.signedBy !== undefined && { signed_by: proof.signedBy }),
    ...(backup.overlay !== undefined && { overlay: backup.overlay }),
  };
}
