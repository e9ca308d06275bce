/** Reads extents one after another, each verified while it is held in memory: no byte is given out before. */
import { isPack, isReadInRanges } from "../../core/format/codecs/encoding.ts";
import { decodeFrame } from "../../core/format/codecs/frame.ts";
import type { Extent, ObjectRef } from "../../core/format/entries/entry.ts";
import { altered } from "../../core/format/error.ts";
import { Pieces } from "../../core/stored/pieces.ts";
import { type ObjectSource, readContent, readRange } from "../../core/stored/read.ts";
import { mayReadBetter } from "../../core/stored/second-read.ts";
import { type Garbage, release } from "../../core/system/threads/garbage.ts";
import { framesIn } from "./frames.ts";
import { type Frame, readsOf } from "./plan.ts";

/** Extents that lie one after another in one object. */
export type ExtentRun = { readonly object: ObjectRef; readonly extents: readonly Extent[] };

/**
 * Yields extents in order, as many together as lie so in one object and have `most` bytes, or up to twice that: what lies in one frame
 * stays together, so that it is read once.
 */
export function* runsOf(
  extents: readonly Extent[],
  objects: readonly ObjectRef[],
  most = Number.POSITIVE_INFINITY,
): Generator<ExtentRun> {
  let run: Extent[] = [];
  let bytes = 0;
  const isFull = (last: Extent, next: Extent) => {
    const end = bytes + next.length;
    return last.frameOffset === next.frameOffset ? end > 2 * most : end > most;
  };
  const whole = () => {
    const object = objects[run[0]?.object ?? 0];
    if (object === undefined) throw altered("an extent refers to an object that the part does not have");
    return { object, extents: run };
  };
  for (const extent of extents) {
    const last = run.at(-1);
    const inFrames = isPack(objects[extent.object]?.encoding ?? "none");
    if (last !== undefined && (!follows(last, extent, inFrames) || isFull(last, extent))) {
      yield whole();
      run = [];
      bytes = 0;
    }
    run.push(extent);
    bytes += extent.length;
  }
  if (run.length > 0) yield whole();
}

/** A frame of a pack is in memory as a whole: extents of it may come in any order. */
function follows(last: Extent, next: Extent, inFrames: boolean): boolean {
  if (last.object !== next.object) return false;
  if (last.frameOffset !== next.frameOffset) return next.frameOffset > last.frameOffset;
  return last.frameLength === next.frameLength && (inFrames || next.offset >= last.offset + last.length);
}

/**
 * Yields extents one by one, each good until the next is asked for. `garbage`: for all that is read one after another. Reads on once more
 * from the one that is wrong.
 */
export async function* heldExtents(
  bucket: ObjectSource,
  { object, extents }: ExtentRun,
  garbage: Garbage,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for (let failed = -1; done < extents.length; ) {
    try {
      const rest = { object, extents: extents.slice(done) };
      const read = isPack(object.encoding) ? extentsInFrames(bucket, rest, garbage) : extentsInWhole(bucket, rest);
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

async function* extentsInFrames(
  bucket: ObjectSource,
  { object, extents }: ExtentRun,
  garbage: Garbage,
): AsyncGenerator<Uint8Array> {
  const inFrames = new Map<Frame, Extent[]>();
  let frame: Frame | undefined;
  for (const extent of extents) {
    const { frameOffset: offset, frameLength: length } = extent;
    if (frame?.offset !== offset) frame = { offset, length, uses: [] };
    const others = inFrames.get(frame);
    if (others === undefined) inFrames.set(frame, [extent]);
    else others.push(extent);
  }
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

async function* extentsInWhole(bucket: ObjectSource, { object, extents }: ExtentRun): AsyncGenerator<Uint8Array> {
  const pieces = new Pieces(0, readContent(bucket, object, endOf(extents)));
  try {
    for (const extent of extents) yield verified(await pieces.take(extent.offset, extent.length), extent, 0);
  } finally {
    await pieces.end();
  }
}

/** Extents of a run are in order. */
export function endOf(extents: readonly Extent[]): number {
  const last = extents.at(-1);
  return last === undefined ? 0 : last.offset + last.length;
}

function verified(content: Uint8Array, { length, sha256 }: Extent, offset: number): Uint8Array {
  const bytes = content.subarray(offset, offset + length);
  if (bytes.length < length || Bun.SHA256.hash(bytes, "hex") !== sha256) throw wrongExtent();
  return bytes;
}

export function wrongExtent(): Error {
  return altered("it does not hold what the manifest says");
}
