import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import { type Stale, staleNames } from "../../../core/steward/kept.ts";
import { type RenewSummary, renew } from "../../../core/steward/renew.ts";
import { findAllRoots } from "../../../core/steward/whole-list.ts";
import type { RunSubcommand } from "../../io.ts";
import { connectAs } from "../../shared/connect.ts";
import { finding } from "../../shared/finding.ts";
import { holdingLines } from "../../shared/holding-lines.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, counted, moment } from "../../terminal/format.ts";
import type { RenewArgs } from "./arguments.ts";

export const run: RunSubcommand<RenewArgs> = async ({ names, policy, days, mostDays, staleDays, ...access }, io) => {
  const { bucket, counts } = await connectAs("steward", access, io);
  try {
    const { roots } = await findAllRoots(bucket);
    const time = finding(bucket, io).now();
    const stale = staleDays === undefined ? [] : await staleNames(roots, { bucket, names, days: staleDays, now: time });
    const { now, notify, signal } = io;
    const onProgress = (objects: number) => io.progress.update({ doneBytes: 0, files: objects });
    const renewed =
      policy &&
      names &&
      (await renew({ bucket, roots, names, policy, days, mostDays, now, notify, onProgress, signal }));
    io.progress.end();
    if (io.json) io.out(JSON.stringify({ ...renewed, stale, requests: counts }));
    else {
      for (const line of [...staleLines(stale), ...renewedLines(renewed), `requests: ${requestsLine(counts)}`])
        io.out(line);
    }
    return statusOf(renewed, stale);
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

function statusOf(renewed: RenewSummary | undefined, stale: readonly Stale[]): ExitStatus {
  if (renewed !== undefined && renewed.damaged > 0) return exitStatus.damaged;
  const { refused = 0, weaker = 0, expired = 0 } = renewed ?? {};
  return stale.length + refused + weaker + expired > 0 ? exitStatus.incomplete : exitStatus.done;
}

function staleLines(stale: readonly Stale[]): string[] {
  return stale.map(({ name, last }) => {
    return `stale: ${name}, ${last === undefined ? "of which no backup can be used" : `whose newest backup is of ${moment(last)}`}`;
  });
}

function renewedLines(renewed: RenewSummary | undefined): string[] {
  if (renewed === undefined) return [];
  const { backups, objects, extended, damaged, refused, weaker, holdings } = renewed;
  return [
    `${counted(backups, "backup")} kept, with ${counted(objects, "object")} (${bytes(renewed.bytes)}); ${counted(extended, "lock")} extended`,
    ...(damaged + refused === 0 ? [] : [`${damaged} damaged, ${refused} not extended: see above`]),
    ...(weaker === 0 ? [] : [`${counted(weaker, "lock")} of a weaker mode than promised`]),
    ...holdingLines(holdings),
  ];
}
