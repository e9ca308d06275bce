/**
 * Reads one file of a backup from its beginning to its end. No byte is given out before it is verified: an extent of up to some MiB when
 * it is in memory. A larger one, as the layout `objects` has them, is read twice: verified as a whole, and then verified again
 * while it is given out, so that what changes in between ends it.
 */
import { exitStatus, Failure } from "../../core/failure.ts";
import { isPack, isReadInRanges } from "../../core/format/encoding.ts";
import type { Extent, FileEntry, ObjectRef } from "../../core/format/entry.ts";
import { altered } from "../../core/format/error.ts";
import { decodeFrame } from "../../core/format/frame.ts";
import { toText } from "../../core/format/path.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { Pieces } from "../../core/stored/pieces.ts";
import { type ObjectSource, readContent, readRange } from "../../core/stored/read.ts";
import { mayReadBetter, readTwice } from "../../core/stored/second-read.ts";
import { Garbage, release } from "../../core/system/garbage.ts";
import { framesIn } from "../frames.ts";
import { type Frame, mostHeld, readsOf } from "../plan.ts";

/** Bytes that are good until the next ones are asked for. */
export type VerifiedBytes = AsyncGenerator<Uint8Array>;

/** Extents that lie one after another in one object. */
type ExtentRun = { readonly object: ObjectRef; readonly extents: readonly Extent[] };

/** What is read: a file, or a stretch of it whose holes count from its first byte. */
export type ReadStretch = Pick<FileEntry, "path" | "extents" | "holes">;

/**
 * Yields a file's content, holes as zeros. Throws a Failure if it is lost. `objects`: of the part that the entry is from.
 */
export async function* contentOf(
  bucket: ObjectSource,
  entry: ReadStretch,
  objects: readonly ObjectRef[],
  signal: AbortSignal,
): VerifiedBytes {
  let at = 0;
  let next = 0;
  for await (const bytes of dataOf(bucket, entry, objects, signal)) {
    for (let given = 0; given < bytes.length; ) {
      const hole = entry.holes[next];
      const length = Math.min(bytes.length - given, (hole?.[0] ?? Number.POSITIVE_INFINITY) - at);
      if (length > 0) yield bytes.subarray(given, given + length);
      given += length;
      at += length;
      if (hole !== undefined && hole[0] === at && given < bytes.length) {
        yield* zeros(hole[1]);
        at += hole[1];
        next += 1;
      }
    }
  }
  for (const [, length] of entry.holes.slice(next)) yield* zeros(length);
}

const zeroStep = new Uint8Array(64 * 1024);

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= zeroStep.length) yield zeroStep.subarray(0, left);
}

async function* dataOf(
  bucket: ObjectSource,
  { path, extents }: ReadStretch,
  objects: readonly ObjectRef[],
  signal: AbortSignal,
): VerifiedBytes {
  for (const run of runsOf(extents, objects)) {
    try {
      yield* runBytes(bucket, run, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { why, remedy, damage } = lossOf(error, run.object.key);
      const exit = damage ? exitStatus.damaged : exitStatus.failed;
      throw new Failure({ doing: "read", what: toText(path), why, remedy, exit, cause: error });
    }
  }
}

function* runsOf(extents: readonly Extent[], objects: readonly ObjectRef[]): Generator<ExtentRun> {
  let run: Extent[] = [];
  const whole = () => {
    const object = objects[run[0]?.object ?? 0];
    if (object === undefined) throw altered("an extent refers to an object that the part does not have");
    return { object, extents: run };
  };
  for (const extent of extents) {
    const last = run.at(-1);
    if (last !== undefined && !follows(last, extent)) {
      yield whole();
      run = [];
    }
    run.push(extent);
  }
  if (run.length > 0) yield whole();
}

function follows(last: Extent, next: Extent): boolean {
  if (last.object !== next.object) return false;
  if (last.frameOffset !== next.frameOffset) return next.frameOffset > last.frameOffset;
  return last.frameLength === next.frameLength && next.offset >= last.offset + last.length;
}

async function* runBytes(bucket: ObjectSource, run: ExtentRun, signal: AbortSignal): VerifiedBytes {
  const isLarge = !isPack(run.object.encoding) && run.extents.some(({ length }) => length > mostHeld);
  if (!isLarge) return yield* heldExtents(bucket, run);
  await readTwice(async () => {
    for await (const _ of flowing(bucket, run)) signal.throwIfAborted();
  });
  yield* flowing(bucket, run);
}

/** Yields extents one by one. Reads on once more from the one that is wrong. */
async function* heldExtents(bucket: ObjectSource, { object, extents }: ExtentRun): VerifiedBytes {
  let done = 0;
  for (let failed = -1; done < extents.length; ) {
    try {
      const rest = { object, extents: extents.slice(done) };
      const read = isPack(object.encoding) ? extentsInFrames(bucket, rest) : extentsInWhole(bucket, rest);
      for await (const bytes of read) {
        yield bytes;
        done += 1;
      }
    } catch (error) {
      if (!mayReadBetter(error) || failed === done) throw error;
      failed = done;
    }
  }
}

async function* extentsInFrames(bucket: ObjectSource, { object, extents }: ExtentRun): VerifiedBytes {
  const inFrames = new Map<Frame, Extent[]>();
  let frame: Frame | undefined;
  for (const extent of extents) {
    const { frameOffset: offset, frameLength: length } = extent;
    if (frame?.offset !== offset) frame = { offset, length, uses: [] };
    const others = inFrames.get(frame);
    if (others === undefined) inFrames.set(frame, [extent]);
    else others.push(extent);
  }
  const garbage = new Garbage();
  for (const read of readsOf([...inFrames.keys()], isReadInRanges(object.encoding))) {
    const range = { start: read.start, length: read.length };
    for await (const { frame, stored } of framesIn(read, readRange(bucket, object, range))) {
      const content = await decodeFrame(stored);
      for (const extent of inFrames.get(frame) ?? []) yield verified(content, extent, extent.offset);
      release(content);
      garbage.left(stored.length);
    }
  }
}

async function* extentsInWhole(bucket: ObjectSource, { object, extents }: ExtentRun): VerifiedBytes {
  const pieces = new Pieces(0, readContent(bucket, object, endOf(extents)));
  try {
    for (const extent of extents) yield verified(await pieces.take(extent.offset, extent.length), extent, 0);
  } finally {
    await pieces.end();
  }
}

const step = 1024 * 1024;

/** Yields bytes of extents of any length. The last ones of each come when all of it is verified. */
async function* flowing(bucket: ObjectSource, { object, extents }: ExtentRun): VerifiedBytes {
  const pieces = new Pieces(0, readContent(bucket, object, endOf(extents)));
  try {
    for (const { offset, length, sha256 } of extents) {
      const hash = new Bun.CryptoHasher("sha256");
      for (let done = 0; done < length; ) {
        const bytes = await pieces.take(offset + done, Math.min(step, length - done));
        hash.update(bytes);
        done += bytes.length;
        if (done === length && hash.digest("hex") !== sha256) throw wrong();
        yield bytes;
      }
    }
  } finally {
    await pieces.end();
  }
}

/** Extents of a run are in order. */
function endOf(extents: readonly Extent[]): number {
  const last = extents.at(-1);
  return last === undefined ? 0 : last.offset + last.length;
}

function verified(content: Uint8Array, { length, sha256 }: Extent, offset: number): Uint8Array {
  const bytes = content.subarray(offset, offset + length);
  if (bytes.length < length || Bun.SHA256.hash(bytes, "hex") !== sha256) throw wrong();
  return bytes;
}

function wrong(): Error {
  return altered("it does not hold what the manifest says");
}
