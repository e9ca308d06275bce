import type { Bucket } from "../../../core/bucket/contract.ts";
import { option } from "../../../core/config/config.ts";
import { tableName } from "../../../core/config/values.ts";
import { type ExitStatus, exitStatus } from "../../../core/failure.ts";
import type { ThawSpeed } from "../../../core/format/storage-class.ts";
import type { ScannableTable } from "../../../core/table/contract.ts";
import {
  type FoundBundle,
  faultOf,
  findNotedBundles,
  findScriptBundles,
  lossOfScriptBundle,
  type ReadScriptBundle,
  readScriptBundle,
  restoreScriptBundle,
  type ScriptBundle,
} from "../../../restore/script-bundles/script-bundles.ts";
import type { NeededObjects } from "../../../restore/thaw/needed.ts";
import type { CommandIO, RunSubcommand } from "../../io.ts";
import { connectAs } from "../../shared/connect.ts";
import { useKeyfiles } from "../../shared/keyfiles.ts";
import { thawFirst } from "../../shared/thaw-first.ts";
import { bytes, counted, moment, table as tableLines } from "../../terminal/format.ts";
import type { UnbundleArgs } from "./arguments.ts";

export const run: RunSubcommand<UnbundleArgs> = async (args, io) => {
  const tableOption = option("--dynamodb-table-name", tableName, args.table);
  const { bucket, config, tables } = await connectAs("restore", args, io);
  try {
    await useKeyfiles(config, args.keyfile, io.notify);
    const table = tableOption === undefined ? undefined : tables.open(tableOption);
    if (args.thaw !== undefined && !(await thawed(bucket, find(bucket, table, args.prefix), args.thaw, args, io)))
      return exitStatus.done;
    const found = find(bucket, table, args.prefix);
    return args.action === "list" ? await list(bucket, found, args, io) : await readAll(bucket, found, args, io);
  } finally {
    io.progress.end();
    tables.close();
    await bucket.close();
  }
};

/** Yields what the bucket has, or what the table says that it has. */
async function* find(bucket: Bucket, noted: ScannableTable | undefined, prefix: string): AsyncGenerator<FoundBundle> {
  if (noted !== undefined) yield* findNotedBundles(bucket, noted, prefix);
  else for await (const bundle of findScriptBundles(bucket, prefix)) yield { key: bundle.key, bundle, md5: undefined };
}

/** Thaws what is frozen, and waits for it. Returns whether the user wants that. */
async function thawed(
  bucket: Bucket,
  all: AsyncIterable<FoundBundle>,
  speed: ThawSpeed,
  { yes }: UnbundleArgs,
  io: CommandIO,
): Promise<boolean> {
  const collect = async (needed: NeededObjects) => {
    for await (const { bundle } of all) {
      io.signal.throwIfAborted();
      if (bundle !== undefined) needed.add(bundle);
    }
  };
  const begun = async () => {
    const message = "waiting for the thawing: stopping this is safe, as S3 goes on; to come back, run the same again";
    io.notify({ level: "info", code: "thawing", message });
  };
  return (await thawFirst({ bucket, collect, speed, yes, begun }, io)) !== undefined;
}

async function list(
  bucket: Bucket,
  all: AsyncIterable<FoundBundle>,
  { prefix }: UnbundleArgs,
  io: CommandIO,
): Promise<ExitStatus> {
  const rows: string[][] = [];
  let found = 0;
  for await (const { key, bundle, md5 } of all) {
    io.signal.throwIfAborted();
    found += 1;
    const line = bundle ?? { key, missing: true };
    if (io.json) io.out(JSON.stringify({ ...line, ...(md5 !== undefined && { md5 }) }));
    else rows.push(bundle === undefined ? [key, "", "", "missing"] : rowOf(bundle));
  }
  if (found === 0) tellNone(bucket, prefix, io);
  const columns = [
    { title: "key" },
    { title: "bytes", align: "right" as const },
    { title: "stored" },
    { title: "state" },
  ];
  if (rows.length > 0) for (const line of tableLines(columns, rows)) io.out(line);
  return exitStatus.done;
}

function rowOf({ key, size, stored, frozen }: ScriptBundle): string[] {
  return [key, bytes(size), moment(stored), frozen ? "frozen" : "readable"];
}

function tellNone(bucket: Bucket, prefix: string, io: CommandIO): void {
  const where = prefix === "" ? "" : ` under ${JSON.stringify(prefix)}`;
  const message = `${JSON.stringify(bucket.url)} has no bundles of the script${where}`;
  io.notify({ level: "warning", code: "no-script-bundles", message });
}

const worse = (one: ExitStatus, other: ExitStatus): ExitStatus => (other > one ? other : one);

/** Verifies or restores each. What is wrong with one costs no other. */
async function readAll(
  bucket: Bucket,
  all: AsyncIterable<FoundBundle>,
  args: UnbundleArgs,
  io: CommandIO,
): Promise<ExitStatus> {
  let status: ExitStatus = exitStatus.done;
  let found = 0;
  for await (const { key, bundle, md5 } of all) {
    found += 1;
    const one = bundle === undefined ? tellMissing(key, io) : await readOne(bucket, { bundle, md5 }, args, io);
    status = worse(status, one);
  }
  if (found > 0) return status;
  tellNone(bucket, args.prefix, io);
  return exitStatus.incomplete;
}

function tellMissing(key: string, io: CommandIO): ExitStatus {
  const message = `${JSON.stringify(key)}: the table says that it is stored, and the bucket does not have it`;
  io.notify({ level: "error", code: "script-bundle-lost", message });
  return exitStatus.damaged;
}

async function readOne(
  bucket: Bucket,
  { bundle, md5 }: { readonly bundle: ScriptBundle; readonly md5: string | undefined },
  args: UnbundleArgs,
  io: CommandIO,
): Promise<ExitStatus> {
  const { key } = bundle;
  let read: ReadScriptBundle;
  let done = 0;
  const onBytes = (count: number) => {
    done += count;
    io.progress.update({ files: 0, doneBytes: done });
  };
  try {
    read = await readScriptBundle(bundle, { bucket, notify: io.notify, onBytes, signal: io.signal });
  } catch (error) {
    io.signal.throwIfAborted();
    const { how, remedy, damage } = lossOfScriptBundle(error, bundle);
    const message = `${JSON.stringify(key)}: ${how}; ${remedy}`;
    io.notify({ level: "error", code: "script-bundle-lost", message });
    return damage ? exitStatus.damaged : exitStatus.incomplete;
  }
  using inventory = read.inventory;
  const fault = faultOf(read, md5);
  if (fault !== undefined) {
    io.notify({ level: "error", code: "script-bundle-lost", message: `${JSON.stringify(key)}: ${fault}` });
  }
  const left = inventory.leftOut === 0 ? exitStatus.done : exitStatus.incomplete;
  const status = fault === undefined ? left : exitStatus.damaged;
  if (args.action === "verify") {
    report(io, bundle, {
      md5: read.md5,
      stated: read.stated ?? md5,
      files: inventory.files,
      sound: fault === undefined,
    });
    return status;
  }
  return worse(status, await restoreOne(bucket, bundle, read, args, io));
}

async function restoreOne(
  bucket: Bucket,
  bundle: ScriptBundle,
  read: ReadScriptBundle,
  { target, numericOwner }: UnbundleArgs,
  io: CommandIO,
): Promise<ExitStatus> {
  const { notify, random, signal } = io;
  const onProgress = ({ files, bytes: doneBytes }: { readonly files: number; readonly bytes: number }) =>
    io.progress.update({ files, doneBytes });
  const figures = await restoreScriptBundle(bundle, read, {
    bucket,
    target,
    numericOwner,
    notify,
    random,
    onProgress,
    signal,
  });
  report(io, bundle, { ...figures });
  if (figures.damaged > 0) return exitStatus.damaged;
  return figures.errors + figures.warnings > 0 ? exitStatus.incomplete : exitStatus.done;
}

function report(
  io: CommandIO,
  { key }: ScriptBundle,
  figures: Readonly<Record<string, unknown>> & { readonly files: number },
): void {
  io.progress.end();
  io.out(io.json ? JSON.stringify({ key, ...figures }) : `${key}: ${counted(figures.files, "file")}`);
}
