import { availableParallelism } from "node:os";
import { untilAborted } from "../../../core/abortable.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import type { BundleRef, Manifest } from "../../../core/format/manifest/manifest.ts";
import type { ThawSpeed } from "../../../core/format/storage-class.ts";
import { type Found, findManifest } from "../../../core/manifest/find.ts";
import { openManifest } from "../../../core/manifest/open.ts";
import { nameOf } from "../../../core/manifest/read.ts";
import { refusedBy, type Trust } from "../../../core/manifest/trust.ts";
import { step } from "../../../core/trace.ts";
import { writersFor } from "../../../restore/fetching/writers.ts";
import { LostFiles } from "../../../restore/report/lost-files.ts";
import { exitOf, restore } from "../../../restore/restore.ts";
import { collectNeeded } from "../../../restore/thaw/collect.ts";
import type { NeededObjects } from "../../../restore/thaw/needed.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { type AccessConnection, connectAs } from "../../shared/connect.ts";
import { finding, isSurelyNewest } from "../../shared/finding.ts";
import { useKeyfiles } from "../../shared/keyfiles.ts";
import { identityAsker, useIdentity } from "../../shared/sealing.ts";
import { trustOf } from "../../shared/signing.ts";
import { thawFirst } from "../../shared/thaw-first.ts";
import type { RestoreArgs } from "./arguments.ts";
import { chooseBackup } from "./choose.ts";
import { checkOptions } from "./combinations.ts";
import { mayReplay, mayRestore } from "./confirm.ts";
import { printDryRun } from "./dry-run.ts";
import { type Elsewhere, lookElsewhere, lossLines, salvaging } from "./elsewhere.ts";
import { pathsFrom } from "./files-from.ts";
import { tellFrozenBundles, watchFrozen } from "./frozen.ts";
import { type OpenThawedDeps, openThawed } from "./open-thawed.ts";
import { removalFor } from "./removal.ts";
import { ReportFile } from "./report-file.ts";
import { forgetRestore, notedOf, noteRestore, resumedArgs } from "./resume.ts";
import { summaryLines } from "./summary.ts";
import { restoreToStdout } from "./to-stdout.ts";

export const run: RunSubcommand<RestoreArgs> = async (given, io) => {
  const { filesFrom } = given;
  const paths =
    filesFrom === undefined ? given.paths : [...given.paths, ...(await untilAborted(io.signal, pathsFrom(filesFrom)))];
  const wished = { ...given, paths };
  checkOptions(wished, io.json);
  const connection = await connectAs("restore", wished, io);
  const { bucket, tell, collect } = watchFrozen(connection.bucket, io);
  try {
    const args = given.resume ? await resumedArgs(wished, connection.config.backup.stateDir, bucket.url) : wished;
    return await restoreFrom({ ...connection, bucket, tellFrozen: tell, collectFrozen: collect }, args, io);
  } finally {
    io.progress.end();
    await connection.bucket.close();
  }
};

async function restoreFrom(connection: FrozenConnection, args: RestoreArgs, io: CommandIO): Promise<ExitStatus> {
  const { bucket, config } = connection;
  await useKeyfiles(config, args.keyfile, io.notify);
  await useIdentity(config, args.identity, io);
  const trust = await trustOf(args, io);
  const wanted = args.manifest ?? (await chooseBackup(bucket, io));
  if (wanted === undefined) return exitStatus.done;
  const open = async () => {
    const source = await step("find the backup", () => findManifest(bucket, wanted, { ...finding(bucket, io), trust }));
    const opening = { notify: io.notify, trust, askIdentity: identityAsker(io) };
    return { source, manifest: await step("read the root", () => openManifest(bucket, source, opening)) };
  };
  const opened = await openThawed(open, { ...connection, speed: args.thaw, yes: args.yes }, io);
  if (opened === undefined) return exitStatus.done;
  const { source, manifest } = opened;
  if (args.toStdout) return await restoreToStdout(args, { bucket, manifest }, io);
  if (args.dryRun) {
    const removal = await removalFor(args, config, bucket.url, io);
    return await printDryRun({ ...wishesOf(args, bucket, manifest), removal }, manifest.snapshots.length, io);
  }
  if (!(await mayRestore(manifest.header, args, io)) || !(await mayReplay(manifest, args, io))) return exitStatus.done;
  const status = await restoreBackup(args, { ...connection, source, manifest, trust }, io);
  return status === exitStatus.done && !isSurelyNewest(source) ? exitStatus.incomplete : status;
}

function wishesOf({ target, paths, choices, numericOwner }: RestoreArgs, bucket: Bucket, manifest: Manifest) {
  return { bucket, manifest, target, paths, ...choices, numericOwner };
}

/** `tellFrozen`: says what could not be read since it is frozen; `collectFrozen` adds it. */
type FrozenConnection = AccessConnection &
  Pick<OpenThawedDeps, "collectFrozen"> & { readonly tellFrozen: () => Promise<void> };

type RestoreDeps = FrozenConnection & {
  readonly source: Found;
  readonly trust: Trust | undefined;
  readonly manifest: Manifest;
};

async function restoreBackup(args: RestoreArgs, deps: RestoreDeps, io: CommandIO): Promise<ExitStatus> {
  const { bucket, counts, config, source, manifest } = deps;
  const { target, paths, thaw } = args;
  const { stateDir } = config.backup;
  const note = notedOf({ ...args, manifest: nameOf(source) }, bucket.url);
  const thawed =
    thaw && (await thawNeeded({ args, speed: thaw, begun: () => noteRestore(stateDir, note, io) }, deps, io));
  if (thaw !== undefined && thawed === undefined) return exitStatus.done;
  const frozen = { bucket, manifest, paths, patterns: args.choices?.patterns, io };
  const isFrozen = thaw === undefined ? await tellFrozenBundles(frozen) : undefined;
  const began = io.now();
  const lost = new LostFiles();
  const file = args.report === undefined ? undefined : new ReportFile(args.report, io.notify);
  const figures = await restoreFiles({ args, isFrozen, lost, file, began }, deps, io);
  io.progress.end();
  if (thawed === undefined) await deps.tellFrozen();
  else await forgetRestore(stateDir, note);
  const isSearched = !lost.isEmpty && (args.choices?.strip ?? 0) === 0 && !args.salvage;
  const elsewhere: Elsewhere = isSearched
    ? await lookElsewhere(lost, { bucket, manifest, trust: refusedBy(deps.trust), signal: io.signal })
    : new Map();
  const took = io.now().getTime() - began.getTime();
  const result = { manifest: nameOf(source), target, ...figures, thawed, requests: counts, milliseconds: took };
  file?.end(elsewhere, { ...figures, exit: exitOf(figures) });
  const lines = io.json
    ? [JSON.stringify(result)]
    : [...summaryLines(manifest, target, figures, counts, took), ...lossLines(lost, elsewhere)];
  for (const line of lines) io.out(line);
  const exit = exitOf(figures);
  return exit === exitStatus.done && file?.isComplete === false ? exitStatus.incomplete : exit;
}

/** `begun`: called when it may be thawed. */
type ThawOrder = { readonly args: RestoreArgs; readonly speed: ThawSpeed; readonly begun: () => Promise<void> };

/** Thaws all that the restore reads. Returns undefined if the user does not want it at its price. */
function thawNeeded({ args, speed, begun }: ThawOrder, { bucket, manifest }: RestoreDeps, io: CommandIO) {
  const { paths, snapshots, yes } = args;
  const dumps = snapshots !== "skip" && (paths.length === 0 || snapshots !== "ask");
  const wishes = { manifest, paths, patterns: args.choices?.patterns, dumps };
  const collect = (needed: NeededObjects) => collectNeeded(wishes, needed, { bucket, signal: io.signal });
  return thawFirst({ bucket, collect, speed, yes, begun }, io);
}

type RestoreOrder = {
  readonly args: RestoreArgs;
  readonly isFrozen: ((ref: BundleRef) => boolean) | undefined;
  readonly lost: LostFiles;
  readonly file: ReportFile | undefined;
  readonly began: Date;
};

/** Restores, and writes the report as it goes. */
async function restoreFiles({ args, isFrozen, lost, file, began }: RestoreOrder, deps: RestoreDeps, io: CommandIO) {
  const { bucket, config, source, manifest, trust } = deps;
  const { target, snapshots } = args;
  file?.begin({ manifest: nameOf(source), target, started: began.toISOString() });
  const job = restore({
    ...wishesOf(args, bucket, manifest),
    removal: await removalFor(args, config, bucket.url, io),
    salvage: args.salvage ? salvaging({ bucket, manifest, trust: refusedBy(trust) }, io) : undefined,
    lost,
    journal: file?.journal,
    snapshots,
    isFrozen,
    ask: io.ask,
    askAgain: args.yes ? undefined : io.ask,
    notify: io.notify,
    random: io.random,
    writers: writersFor(availableParallelism()),
    onProgress: ({ bytes, ...rest }) => io.progress.update({ ...rest, doneBytes: bytes }),
    signal: io.signal,
  });
  return await job.finally(() => file?.flush());
}
