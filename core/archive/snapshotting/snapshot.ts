/** One snapshotter's run, from its start to the object in the bucket. */
import { Failure } from "../../failure.ts";
import type { SnapshotRef } from "../../format/manifest/manifest.ts";
import type { Notice } from "../../notice.ts";
import type { WrittenHashed } from "../../stored/write.ts";
import type { Executable } from "../executables/find.ts";
import { type Ending, type Run, type RunOptions, run } from "../executables/run.ts";
import { Dump } from "./dump.ts";
import { runSeekable, wantsSeekable } from "./seekable.ts";
import { Talk } from "./talk.ts";

/** A dump to be stored. */
type DumpToStore = DumpName & {
  /** When its snapshotter was started. */
  readonly started: Date;
  /** For a look at its beginning. */
  readonly dump: Dump;
  /** All of it. Ends when the snapshotter has: all that it says is known by then. */
  readonly content: AsyncIterable<Uint8Array>;
  readonly talk: Talk;
};

/**
 * Stores a dump. Returns the object that it is, or nothing if it lies in chunks. On any error, also one of the content, nothing is
 * kept that the manifest would name.
 */
export type DumpStore = (dump: DumpToStore) => Promise<WrittenHashed | Record<string, never>>;

export type SnapshotDeps = {
  readonly store: DumpStore;
  /** The folder for files of snapshotters that must seek in what they write. */
  readonly stateDir: string;
  /** Variables for snapshotters beside those that all children get. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How long a snapshotter may be silent while it is waited for, in milliseconds. */
  readonly timeoutMs: number;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** Is called for progress with the bytes of the dump that have just come, before compression. */
  readonly onBytes?: (count: number) => void;
};

/** Error for a snapshotter that cannot be started. */
export class NotStarted extends Error {}

/** Name of the dump, which no other of this run has. */
export type DumpName = { readonly dumpName: string };

/** Notifies of something; `what` is the rest of a sentence that begins with the snapshotter. */
export type ReportSnapshotter = (level: Notice["level"], code: string, what: string) => void;

/**
 * Runs the snapshotter and stores its dump, also that of one that fails on the way; returns undefined if a failed one has
 * dumped nothing. Throws a NotStarted, any error of the store, and the reason of `signal`: then nothing is stored, and the
 * snapshotter is ended.
 */
export async function takeSnapshot(
  snapshotter: Executable,
  deps: SnapshotDeps & DumpName,
  report: ReportSnapshotter,
): Promise<SnapshotRef | undefined> {
  const { timeoutMs, environment, signal, store, dumpName } = deps;
  const started = deps.now();
  // Descriptor 3 is what the child gets; its argument says so.
  const options = { executable: snapshotter, args: ["3"], environment, timeoutMs, signal };
  const running = await start(options, deps.stateDir);
  const talk = new Talk();
  const ended = listen(running, talk, signal);
  ended.catch(() => {});
  try {
    const dump = new Dump(running.extra, deps.onBytes);
    await dump.peek(1);
    if (dump.size === 0 && (await ended).failure !== undefined) {
      reportEnding(await ended, talk, "nothing of it is stored", report);
      return undefined;
    }
    const stored = await store({ dumpName, started, dump, content: wholeOf(dump, ended), talk });
    const ending = await ended;
    reportEnding(ending, talk, "what it had dumped is stored, marked as failed", report);
    if (dump.size === 0) report("warning", "snapshot-empty", "dumped nothing: its snapshot is empty");
    return { snapshotter: dumpName, ...stored, ...dumpOf(dump), ...wordsOf(talk), exit: ending.exit };
  } finally {
    running.stop();
    await running.ended;
  }
}

async function start(options: Omit<RunOptions, "extra">, stateDir: string): Promise<Run> {
  try {
    const seekable = await wantsSeekable(options.executable.path);
    return seekable ? await runSeekable(options, stateDir) : run({ ...options, extra: "pipe" });
  } catch (error) {
    throw error instanceof Failure ? new NotStarted(error.message, { cause: error }) : error;
  }
}

/** Resolves when the snapshotter has ended and all it said was heard. Throws the reason of `signal`. */
async function listen({ stdout, ended }: Run, talk: Talk, signal: AbortSignal | undefined): Promise<Ending> {
  for await (const bytes of stdout) talk.hear(bytes);
  talk.end();
  const ending = await ended;
  signal?.throwIfAborted();
  return ending;
}

/** Yields the dump, and ends only when its snapshotter has: so all that it says is known by then. */
async function* wholeOf(dump: Dump, ended: Promise<Ending>): AsyncGenerator<Uint8Array> {
  yield* dump.read();
  await ended;
}

function dumpOf(dump: Dump) {
  return { dump_size: dump.size, dump_sha256: dump.digest() };
}

function wordsOf({ restoreThrough, description }: Talk) {
  return {
    ...(restoreThrough !== undefined && { restore_through: restoreThrough }),
    ...(description !== undefined && { description }),
  };
}

function reportEnding(
  { failure, lastWords }: Ending,
  talk: Talk,
  consequence: string,
  report: ReportSnapshotter,
): void {
  if (failure !== undefined) report("warning", "snapshotter-failed", `${failure}; ${consequence}`);
  else if (lastWords !== "") report("info", "snapshotter-said", `said: ${lastWords}`);
  if (talk.commandTrouble !== undefined)
    report("warning", "snapshotter-nonsense", `gave a restore command ${talk.commandTrouble}: not kept`);
}
