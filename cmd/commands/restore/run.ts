import { untilAborted } from "../../../core/abortable.ts";
import type { Counts } from "../../../core/bucket/decorators/count.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { Manifest } from "../../../core/format/manifest.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import { step } from "../../../core/trace.ts";
import type { Figures } from "../../../restore/report.ts";
import { exitOf, restore } from "../../../restore/restore.ts";
import type { RunSubcommand } from "../../io.ts";
import { connectAs } from "../../shared/connect.ts";
import { finding, isSurelyNewest } from "../../shared/finding.ts";
import { useKeyfiles } from "../../shared/keyfiles.ts";
import { requestsLine } from "../../shared/requests.ts";
import { bytes, count, counted, duration, moment } from "../../terminal/format.ts";
import type { RestoreArgs } from "./arguments.ts";
import { chooseBackup } from "./choose.ts";
import { mayRestore } from "./confirm.ts";
import { pathsFrom } from "./files-from.ts";

export const run: RunSubcommand<RestoreArgs> = async (given, io) => {
  const { target, numericOwner, snapshots, filesFrom } = given;
  const paths =
    filesFrom === undefined ? given.paths : [...given.paths, ...(await untilAborted(io.signal, pathsFrom(filesFrom)))];
  const args = { ...given, paths };
  const { bucket, counts, config } = await connectAs("restore", args, io);
  try {
    await useKeyfiles(config, args.keyfile, io.notify);
    const wanted = args.manifest ?? (await chooseBackup(bucket, io));
    if (wanted === undefined) return exitStatus.done;
    const began = io.now();
    const source = await step("find the backup", () => findManifest(bucket, wanted, finding(bucket, io)));
    const manifest = await step("read the root", () => openManifest(bucket, source, io.notify));
    if (!(await mayRestore(manifest.header, args, io))) return exitStatus.done;
    const figures = await restore({
      bucket,
      manifest,
      target,
      paths,
      numericOwner,
      snapshots,
      ask: io.ask,
      notify: io.notify,
      random: io.random,
      onProgress: ({ bytes, ...rest }) => io.progress.update({ ...rest, doneBytes: bytes }),
      signal: io.signal,
    });
    io.progress.end();
    const took = io.now().getTime() - began.getTime();
    const result = { manifest: nameOf(source), target, ...figures, requests: counts, milliseconds: took };
    const lines = io.json ? [JSON.stringify(result)] : summaryLines(manifest, target, figures, counts, took);
    for (const line of lines) io.out(line);
    const status = exitOf(figures);
    return status === exitStatus.done && !isSurelyNewest(source) ? exitStatus.incomplete : status;
  } finally {
    io.progress.end();
    await bucket.close();
  }
};

function summaryLines({ header }: Manifest, target: string, figures: Figures, counts: Counts, took: number): string[] {
  const { files, folders, links, hardLinks, nodes, unchanged, warnings, errors, damaged } = figures;
  const replayed = figures.snapshotsReplayed;
  const fetched = figures.snapshotsFetched;
  const state = warnings + errors === 0 ? "complete" : "incomplete";
  const kinds = [
    counted(folders, "folder"),
    counted(links, "link"),
    counted(hardLinks, "hard link"),
    ...(nodes === 0 ? [] : [counted(nodes, "fifo or device", "fifos and devices")]),
  ];
  return [
    `restored ${header.name} of ${moment(new Date(header.started))} into ${JSON.stringify(target)}: ${state}`,
    `  ${counted(files, "file")}, ${bytes(figures.bytes)} written; ${kinds.join(", ")}; ${count(unchanged)} left alone as they were`,
    ...(replayed + fetched === 0 ? [] : [`  ${counted(replayed, "snapshot")} replayed, ${count(fetched)} fetched`]),
    `  requests: ${requestsLine(counts)}; ${bytes(counts.received)} received; took ${duration(took)}`,
    ...(warnings + errors === 0
      ? []
      : [
          `  ${counted(warnings, "warning")}, ${counted(errors, "error")} (${count(damaged)} by damage in the bucket): listed above`,
        ]),
  ];
}
