import { type RebuildFigures, rebuildIndex } from "../../../core/archive/rebuild-index/rebuild.ts";
import type { BucketWriter } from "../../../core/bucket/contract.ts";
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import { runOf } from "../../../core/format/keys/keys.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { type AccessConnection, connect, connectAs } from "../../shared/connect.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, counted } from "../../terminal/format.ts";
import type { RebuildIndexArgs } from "./arguments.ts";
import { noIdentity, sealedPacksOf } from "./sealed-packs.ts";

export const run: RunSubcommand<RebuildIndexArgs> = async ({ dryRun, trustTables, ...access }, io) => {
  const reading = await connectAs("restore", access, io);
  try {
    const sealed = await sealedPacksOf(reading.config, dryRun ? undefined : (access.identity ?? noIdentity), io);
    return await withTarget(reading, { ...access, dryRun }, io, async (target) => {
      const { backup, content } = reading.config;
      const { now, random, notify, signal } = io;
      const figures = await rebuildIndex({
        bucket: reading.bucket,
        target,
        name: backup.name,
        run: runOf(now(), random(4)),
        daysRetained: content.daysRetained,
        lockMode: content.lockMode,
        sealed,
        trustTables,
        now,
        notify,
        onProgress: ({ objects, bytes: done }) => io.progress.update({ doneBytes: done, files: objects }),
        signal,
      });
      io.progress.end();
      report(figures, { name: backup.name, dryRun, requests: reading.counts }, io);
      return statusOf(figures);
    });
  } finally {
    io.progress.end();
    await reading.bucket.close();
  }
};

/** The restore role may not store, and the backup role may not read packs: index objects are put with the credentials of `conf`. */
async function withTarget<T>(
  reading: AccessConnection,
  { packageRole, dryRun }: Pick<RebuildIndexArgs, "packageRole" | "dryRun">,
  io: CommandIO,
  use: (target: BucketWriter | undefined) => Promise<T>,
): Promise<T> {
  if (dryRun) return await use(undefined);
  if (packageRole === undefined) return await use(reading.bucket);
  const { bucket } = await connect(reading.config, io, undefined, reading.counts);
  try {
    return await use(bucket);
  } finally {
    await bucket.close();
  }
}

function statusOf({ damaged, unread }: RebuildFigures): ExitStatus {
  if (damaged > 0) return exitStatus.damaged;
  return unread > 0 ? exitStatus.incomplete : exitStatus.done;
}

type Reported = { readonly name: string; readonly dryRun: boolean; readonly requests: Counts };

function report(figures: RebuildFigures, { name, dryRun, requests }: Reported, io: CommandIO): void {
  if (io.json) io.out(JSON.stringify({ name, ...figures, dry_run: dryRun, requests }));
  else for (const line of [...linesOf(figures, name, dryRun), `requests: ${requestsLine(requests)}`]) io.out(line);
}

function linesOf(figures: RebuildFigures, name: string, dryRun: boolean): string[] {
  const { objects, chunks, extended, known, expiring, damaged, unread, others: foreign } = figures;
  const amount = `${counted(objects, "object")}, ${bytes(figures.bytes)}`;
  const others = [
    known > 0 ? `${counted(known, "object")} known to the index` : "",
    extended > 0 ? `${counted(extended, "object")} with a longer lock than the index knew` : "",
    foreign > 0 ? `${counted(foreign, "pack")} sealed for other recipients` : "",
    expiring > 0 ? `${counted(expiring, "object")} not locked for long enough` : "",
    damaged > 0 ? `${counted(damaged, "object")} damaged: see above` : "",
    unread > 0 ? `${counted(unread, "object")} not read: see above` : "",
  ];
  const first = dryRun
    ? `would read up to ${amount}, for the index of ${name}`
    : `indexed ${amount}, with ${counted(chunks, "chunk")}, for ${name}; ${bytes(figures.bytesRead)} read`;
  return [first, ...others.filter(Boolean)];
}
