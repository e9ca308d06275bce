/**
 * Reads one file of a backup from its beginning to its end. No byte is given out before it is verified: an extent of up to some MiB when
 * it is in memory. A larger one, as the layout `objects` has them, is read twice: verified as a whole, and then verified again
 * while it is given out, so that what changes in between ends it.
 */
import { exitStatus, Failure } from "../../core/failure.ts";
import { isPack } from "../../core/format/codecs/encoding.ts";
import type { FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
import { toText } from "../../core/format/path.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { Pieces } from "../../core/stored/pieces.ts";
import { type ObjectSource, readContent } from "../../core/stored/read.ts";
import { readTwice } from "../../core/stored/second-read.ts";
import { Garbage } from "../../core/system/threads/garbage.ts";
import { type ExtentRun, endOf, heldExtents, runsOf, wrongExtent } from "../fetching/held-extents.ts";
import { mostHeld } from "../fetching/plan.ts";

/** Bytes that are good until the next ones are asked for. */
export type VerifiedBytes = AsyncGenerator<Uint8Array>;

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
  const garbage = new Garbage();
  for (const run of runsOf(extents, objects)) {
    try {
      yield* runBytes(bucket, run, garbage, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { why, remedy, damage } = lossOf(error, run.object.key);
      const exit = damage ? exitStatus.damaged : exitStatus.failed;
      throw new Failure({ doing: "read", what: toText(path), why, remedy, exit, cause: error });
    }
  }
}

async function* runBytes(bucket: ObjectSource, run: ExtentRun, garbage: Garbage, signal: AbortSignal): VerifiedBytes {
  const isLarge = !isPack(run.object.encoding) && run.extents.some(({ length }) => length > mostHeld);
  if (!isLarge) return yield* heldExtents(bucket, run, garbage);
  await readTwice(async () => {
    for await (const _ of flowing(bucket, run)) signal.throwIfAborted();
  });
  yield* flowing(bucket, run);
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
        if (done === length && hash.digest("hex") !== sha256) throw wrongExtent();
        yield bytes;
      }
    }
  } finally {
    await pieces.end();
  }
}
