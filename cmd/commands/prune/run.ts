import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import { type PrunedBackup, type PruneSummary, prune, withoutRemovals } from "../../../core/steward/prune.ts";
import type { Amount, Fate, Tally } from "../../../core/steward/tally.ts";
import type { RunSubcommand } from "../../io.ts";
import { connectAs } from "../../shared/connect.ts";
import { holdingLines } from "../../shared/holding-lines.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, type Column, count, counted, moment, table, tableLines } from "../../terminal/format.ts";
import type { PruneArgs } from "./arguments.ts";

export const run: RunSubcommand<PruneArgs> = async ({ names, policy, giveUp, dryRun, ...access }, io) => {
  const { bucket, counts } = await connectAs("steward", access, io);
  try {
    const summary = await prune({
      bucket: dryRun ? withoutRemovals(bucket) : bucket,
      names,
      policy,
      giveUp,
      now: io.now,
      notify: io.notify,
      onProgress: (objects) => io.progress.update({ doneBytes: 0, files: objects }),
      signal: io.signal,
    });
    io.progress.end();
    if (io.json) io.out(JSON.stringify({ ...documentOf(summary), dry_run: dryRun, requests: counts }));
    else {
      for (const line of summaryLines(summary, dryRun)) io.out(line);
      io.out(`requests: ${requestsLine(counts)}`);
    }
    return statusOf(summary);
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

function statusOf({ tally, unreadable }: PruneSummary): ExitStatus {
  return tally.total("refused").objects > 0 || unreadable > 0 ? exitStatus.incomplete : exitStatus.done;
}

function documentOf({ backups, tally, holdings, unreadable, holding }: PruneSummary): object {
  const totals = Object.fromEntries(fates.map((fate) => [fate, tally.total(fate)]));
  return {
    backups,
    objects: tally.rows(),
    totals,
    delete_markers: tally.markers,
    names: holdings,
    unreadable,
    holding_back: holding,
    ...(tally.lockedUntil && { locked_until: tally.lockedUntil }),
  };
}

const fates = ["removed", "locked", "refused", "held", "kept"] as const satisfies readonly Fate[];

function* summaryLines(summary: PruneSummary, dryRun: boolean): Generator<string> {
  const { backups, unreadable, tally } = summary;
  if (backups.length === 0 && unreadable === 0 && tally.rows().length === 0) {
    yield "the bucket holds no backups";
    return;
  }
  yield* tableLines(backupColumns, backupRows(backups));
  yield* totalLines(summary, dryRun);
}

function totalLines({ tally, holdings, unreadable }: PruneSummary, dryRun: boolean): string[] {
  const removed = tally.total("removed");
  const refused = tally.total("refused");
  const held = tally.total("held");
  return [
    "",
    ...objectLines(tally),
    "",
    ...holdingLines(holdings),
    "",
    `${dryRun ? "would remove" : "removed"} ${amount(removed)}${tally.markers === 0 ? "" : ` and ${counted(tally.markers, "delete marker")}`}`,
    ...lockedLines(tally.total("locked"), tally.lockedUntil),
    ...(held.objects === 0 ? [] : [`held back ${amount(held)}, which something unreadable may need: see above`]),
    ...(unreadable === 0 ? [] : [`${counted(unreadable, "object")} under manifests/ cannot be read: see above`]),
    ...(refused.objects === 0 ? [] : [`could not remove ${amount(refused)}: see above`]),
  ];
}

function lockedLines(locked: Amount, until: Date | undefined): string[] {
  if (locked.objects === 0) return [];
  const last = until === undefined ? "" : `, the last until ${moment(until)}`;
  return [`left ${amount(locked)}, still locked${last}`];
}

const backupColumns: readonly Column[] = [
  { title: "name" },
  { title: "stored" },
  { title: "backup" },
  { title: "why" },
];

function* backupRows(backups: readonly PrunedBackup[]): Generator<string[]> {
  for (const { name, time, fate, reasons } of backups) yield [name, moment(time), fate, reasons.join(", ")];
}

/** Formats the objects, with a column for each fate that occurs. */
function objectLines(tally: Tally): string[] {
  const met = fates.filter((fate) => tally.total(fate).objects > 0);
  const columns = met.flatMap((fate): Column[] => [
    { title: fate, align: "right" },
    { title: "bytes", align: "right" },
  ]);
  const rows = tally.rows().map((row) => {
    return [row.kind, row.name ?? "", ...met.flatMap((fate) => [count(row[fate].objects), bytes(row[fate].bytes)])];
  });
  return table([{ title: "objects" }, { title: "name" }, ...columns], rows);
}

function amount({ objects, bytes: size }: Amount): string {
  return `${counted(objects, "object")}, ${bytes(size)}`;
}
