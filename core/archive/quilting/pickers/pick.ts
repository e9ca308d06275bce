/** Runs pickers: executables that print the paths to be backed up. */
import { lstatSync } from "node:fs";
import { reasonOf } from "../../../failure.ts";
import { type ByteString, toBytes, toText } from "../../../format/path.ts";
import type { Notify } from "../../../notice.ts";
import { type Executable, findExecutables } from "../../executables/find.ts";
import { type Ending, type Run, run } from "../../executables/run.ts";
import { merge } from "./merge.ts";
import { absolutePath, longestPath, RecordSplitter, unpadded } from "./records.ts";

export type PickOptions = {
  /** Usually `pickers.d`. */
  readonly folder: string;
  /** Longest silence of a picker in milliseconds, while the run waits for it. */
  readonly timeoutMs: number;
  /** The user whose rights they get: what others can change is then not run. */
  readonly privileged?: number | undefined;
  /** Variables for pickers beside those that all children get. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly notify: Notify;
  readonly signal?: AbortSignal;
};

/**
 * Runs all pickers of the folder side by side, and yields the paths that they print: absolute, in batches, in no order,
 * some perhaps twice. `..` is not resolved, and the paths may not exist. Reports a picker's failure as a notice. A slow
 * reader makes the pickers wait; leaving the loop ends them. Throws the reason of `signal` if it fires.
 */
export async function* pickPaths(options: PickOptions): AsyncGenerator<ByteString[]> {
  const { folder, timeoutMs, privileged, environment, notify, signal } = options;
  const pickers = await findExecutables(folder, "picker", notify, privileged);
  const left = new AbortController();
  const stop = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const sources = pickers.map((picker) => pathsOf(picker, { timeoutMs, environment, notify, signal: stop }));
  try {
    yield* merge(sources);
  } finally {
    left.abort();
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

type PickerOptions = Pick<PickOptions, "timeoutMs" | "notify"> & {
  readonly environment: PickOptions["environment"] | undefined;
  readonly signal: AbortSignal;
};

async function* pathsOf(picker: Executable, options: PickerOptions): AsyncGenerator<ByteString[]> {
  const { timeoutMs, environment, signal, notify } = options;
  const warn = (code: string, what: string) =>
    notify({ level: "warning", code, message: `picker ${JSON.stringify(picker.name)} ${what}` });
  const running = started(picker, { timeoutMs, environment, signal }, warn);
  if (running === undefined) return;
  const splitter = new RecordSplitter();
  for await (const bytes of running.stdout) yield* batchOf(splitter.push(bytes), splitter);
  const ending = await running.ended;
  signal.throwIfAborted();
  yield* batchOf(splitter.end({ cutOff: ending.exit === null }), splitter);
  tellEnding(picker, ending, notify, warn);
  tellNonsense(splitter, warn);
}

type Warn = (code: string, what: string) => void;

function started(
  executable: Executable,
  options: Pick<PickerOptions, "timeoutMs" | "environment" | "signal">,
  warn: Warn,
): Run | undefined {
  try {
    return run({ executable, args: [], extra: "nothing", ...options });
  } catch (error) {
    warn("picker-failed", `could not be started: ${reasonOf(error)}`);
    return undefined;
  }
}

function* batchOf(records: readonly ByteString[], { areLines }: RecordSplitter): Generator<ByteString[]> {
  if (records.length === 0) return;
  const meant = areLines
    ? records.map((record) => unpadded(record, exists)).filter((record) => record !== "")
    : records;
  if (meant.length > 0) yield meant.map(absolutePath);
}

function exists(path: ByteString): boolean {
  try {
    return lstatSync(toBytes(path), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function tellEnding({ name }: Executable, { failure, lastWords }: Ending, notify: Notify, warn: Warn): void {
  if (failure !== undefined) warn("picker-failed", failure);
  else if (lastWords !== "")
    notify({ level: "info", code: "picker-said", message: `picker ${JSON.stringify(name)} said: ${lastWords}` });
}

function tellNonsense({ tooLong, firstTooLong, lateNul }: RecordSplitter, warn: Warn): void {
  if (firstTooLong !== undefined) {
    const example = JSON.stringify(`${toText(firstTooLong)}…`);
    const count = tooLong === 1 ? "1 record" : `${tooLong} records`;
    warn("picker-nonsense", `printed ${count} longer than the ${longestPath} bytes of a path: ${example}`);
  }
  if (lateNul) warn("picker-nonsense", "printed a NUL only after many lines: names before it were cut at newlines");
}
