/** One snapshotter's run, from its start to the object in the bucket. */
import type { BucketWriter, Retention } from "../../bucket/contract.ts";
import { putStream } from "../../bucket/stream.ts";
import { type Compression, compressStream, pays, sampleSize } from "../../format/compress.ts";
import { keys, snapshotterName } from "../../format/keys.ts";
import type { SnapshotRef } from "../../format/manifest.ts";
import { fromText } from "../../format/path.ts";
import type { Notice } from "../../notice.ts";
import type { Executable } from "../executables/find.ts";
import { type Ending, type Run, run } from "../executables/run.ts";
import { Dump } from "./dump.ts";
import { metadataOf } from "./metadata.ts";
import { Talk } from "./talk.ts";

export type SnapshotTarget = {
  /** The backup name. */
  readonly name: string;
  readonly bucket: Pick<BucketWriter, "put" | "startUpload">;
  readonly retention: Retention;
  readonly compression: Compression;
  /** How long a snapshotter may be silent while it is waited for, in milliseconds. */
  readonly timeoutMs: number;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** Told of progress: bytes of the dump that have just come, before compression. */
  readonly onBytes?: (count: number) => void;
};

/** Tells a notice; `what` is the rest of a sentence that begins with the snapshotter. */
export type Tell = (level: Notice["level"], code: string, what: string) => void;

const suffixes = { zstd: ".zst", gzip: ".gz", none: "" } as const;

/**
 * Runs the snapshotter and stores its dump, also that of one that fails on the way; undefined where a failed one has
 * dumped nothing. Throws a Failure if it cannot be started, any error of the bucket, and the reason of `signal`:
 * then nothing is stored, and the snapshotter is ended.
 */
export async function takeSnapshot(
  snapshotter: Executable,
  target: SnapshotTarget,
  tell: Tell,
): Promise<SnapshotRef | undefined> {
  const { timeoutMs, signal } = target;
  const name = snapshotterName(fromText(snapshotter.name));
  const started = target.now();
  // Descriptor 3 is what the child gets; its argument tells it so.
  const running = run({ executable: snapshotter, args: ["3"], extraPipe: true, timeoutMs, signal });
  const talk = new Talk();
  const ended = listen(running, talk, signal);
  ended.catch(() => {});
  try {
    const dump = new Dump(running.extra, target.onBytes);
    const encoding = pays(await dump.peek(sampleSize), target.compression) ? target.compression.kind : "none";
    if (dump.size === 0 && (await ended).failure !== undefined) {
      tellEnding(await ended, talk, "it had dumped nothing", tell);
      return undefined;
    }
    const key = keys.snapshot(target.name, started, name, suffixes[encoding]);
    const content = compressStream(wholeOf(dump, ended), { ...target.compression, kind: encoding });
    const stored = await putStream(target.bucket, key, content, optionsOf(target, talk));
    const ending = await ended;
    tellEnding(ending, talk, "what it had dumped is stored, marked as failed", tell);
    if (dump.size === 0) tell("warning", "snapshot-empty", "dumped nothing: its snapshot is empty");
    return { snapshotter: name, ...stored, encoding, ...dumpOf(dump), ...wordsOf(talk), exit: ending.exit };
  } finally {
    running.stop();
    await running.ended;
  }
}

/** Comes when the snapshotter has ended and all it said was heard. Throws the reason of `signal`. */
async function listen({ stdout, ended }: Run, talk: Talk, signal: AbortSignal | undefined): Promise<Ending> {
  for await (const bytes of stdout) talk.hear(bytes);
  talk.end();
  const ending = await ended;
  signal?.throwIfAborted();
  return ending;
}

/** The dump, ending only when its snapshotter has: so all that it says is known by then. */
async function* wholeOf(dump: Dump, ended: Promise<Ending>): AsyncGenerator<Uint8Array> {
  yield* dump.read();
  await ended;
}

/**
 * S3 takes metadata only when an object is begun. `putStream` begins it, and reads this, when it has all of a small
 * dump, or the first part of a large one: what is said later is in the manifest only.
 */
function optionsOf({ retention }: SnapshotTarget, talk: Talk) {
  return {
    retention,
    get metadata() {
      return metadataOf(talk);
    },
  };
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

function tellEnding({ failure, lastWords }: Ending, talk: Talk, consequence: string, tell: Tell): void {
  if (failure !== undefined) tell("warning", "snapshotter-failed", `${failure}; ${consequence}`);
  else if (lastWords !== "") tell("info", "snapshotter-said", `said: ${lastWords}`);
  if (talk.commandIsCut) tell("warning", "snapshotter-nonsense", "told a restore command longer than 64 KiB: not kept");
}
