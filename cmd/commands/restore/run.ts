import { untilAborted } from "../../../core/abortable.ts";
import { exitStatus } from "../../../core/failure.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import { exitOf, restore } from "../../../restore/restore.ts";
import type { RunSubcommand } from "../../io.ts";
import { connectAs } from "../../shared/connect.ts";
import { finding, isSurelyNewest } from "../../shared/finding.ts";
import { useKeyfiles } from "../../shared/keyfiles.ts";
import type { RestoreArgs } from "./arguments.ts";
import { chooseBackup } from "./choose.ts";
import { mayRestore } from "./confirm.ts";
import { printDryRun } from "./dry-run.ts";
import { pathsFrom } from "./files-from.ts";
import { checkRemoval, removalFor } from "./removal.ts";
import { summaryLines } from "./summary.ts";
import { checkToStdout, restoreToStdout } from "./to-stdout.ts";

export const run: RunSubcommand<RestoreArgs> = async (given, io) => {
  const { target, numericOwner, snapshots, filesFrom } = given;
  const paths =
    filesFrom === undefined ? given.paths : [...given.paths, ...(await untilAborted(io.signal, pathsFrom(filesFrom)))];
  const args = { ...given, paths };
  checkRemoval(args);
  checkToStdout(args, io.json);
  const { bucket, counts, config } = await connectAs("restore", args, io);
  try {
    await useKeyfiles(config, args.keyfile, io.notify);
    const wanted = args.manifest ?? (await chooseBackup(bucket, io));
    if (wanted === undefined) return exitStatus.done;
    const began = io.now();
    const source = await findManifest(bucket, wanted, finding(bucket, io));
    const manifest = await openManifest(bucket, source, io.notify);
    if (args.toStdout) return await restoreToStdout(args, { bucket, manifest }, io);
    const removal = await removalFor(args, config, bucket.url, io);
    const wishes = { bucket, manifest, target, paths, ...args.choices, removal, numericOwner };
    if (args.dryRun) return await printDryRun(wishes, manifest.snapshots.length, io);
    if (!(await mayRestore(manifest.header, args, io))) return exitStatus.done;
    const figures = await restore({
      ...wishes,
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
