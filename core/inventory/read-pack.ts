/** Reads which chunks lie in a pack: by its table of contents, and, unless that is to be believed, by the chunks themselves. */
import type { Stored } from "../bucket/contract.ts";
import { encodingOf } from "../format/codecs/encoding.ts";
import { decodeFrame } from "../format/codecs/frame.ts";
import { altered, type FormatError } from "../format/error.ts";
import { contentsLength, decodeContents } from "../format/packs/pack.ts";
import { type PlacedFrame, placeFrames } from "../format/packs/pack-places.ts";
import { sha256 } from "../format/sha256.ts";
import type { Budget } from "../side-by-side.ts";
import { collect } from "../stored/bytes.ts";
import { Pieces } from "../stored/pieces.ts";
import { ObjectReading, type ObjectSource, readRange } from "../stored/read.ts";
import { release } from "../system/threads/garbage.ts";
import type { FoundObject } from "./writer.ts";

type PackCheck = {
  /** SHA-256 of the stored bytes, hex. Undefined: the table of contents is believed if it is well formed. */
  readonly digest: string | undefined;
  /** For the content of frames that are decoded side by side. */
  readonly memory: Budget;
  /** Called with each frame that was read and found to be right, and its content, which must not be kept. */
  readonly onFrame?: (frame: PlacedFrame, content: Uint8Array) => void;
};

type PackContents = {
  readonly frames: readonly PlacedFrame[];
  /** The bytes of the table of contents. */
  readonly table: Uint8Array;
};

/** Holds the table of contents of most packs: about 1,700 chunks. */
const usualTable = 64 * 1024;
/** A pack has 8,192 chunks at most, which take 360 KiB. A reader refuses much more before it reads it. */
const longestTable = 1024 * 1024;

/** Bytes of the largest pack that the configuration allows, with its last frame and its table of contents. */
const longestPack = 272 * 1024 * 1024;

/**
 * Reads a pack. With a `digest`, reads all of it, one frame at a time, and throws a FormatError unless its bytes have that SHA-256 and
 * each chunk has the id that the table of contents gives it.
 */
export async function readPack(
  bucket: ObjectSource,
  pack: Stored,
  filters: readonly string[],
  check: PackCheck,
): Promise<FoundObject> {
  return filters.length === 0 ? readPlainPack(bucket, pack, check) : readFilteredPack(bucket, pack, filters, check);
}

/** Reads all of it into memory: what is at its end, and a range of it, are not where they are in the stored bytes. */
async function readFilteredPack(
  bucket: ObjectSource,
  pack: Stored,
  filters: readonly string[],
  { digest, memory, onFrame }: PackCheck,
): Promise<FoundObject> {
  const encoding = encodingOf("frames", filters);
  const hash = new Bun.CryptoHasher("sha256");
  await using reading = new ObjectReading(bucket, { ...pack, encoding }, (piece) => hash.update(piece));
  const content = await collect(reading.content(longestPack + 1), longestPack);
  await reading.rest();
  if (digest !== undefined && hash.digest("hex") !== digest) throw notOfItsName();
  const check = { digest: digest && sha256(content), memory, ...(onFrame && { onFrame }) };
  const { frames } = await readPlainPack(sourceOf(content), { ...pack, size: content.length }, check);
  return { encoding, frames };
}

/** A source of one object, whatever it is asked for. */
function sourceOf(content: Uint8Array): ObjectSource {
  return {
    async *get(_key, { range = { start: 0, length: content.length } } = {}) {
      yield content.subarray(range.start, range.start + range.length);
    },
  };
}

async function readPlainPack(bucket: ObjectSource, pack: Stored, check: PackCheck): Promise<FoundObject> {
  const { digest } = check;
  const contents = await readTable(bucket, pack);
  if (digest !== undefined && (await digestOfChecked(bucket, pack, contents, check)) !== digest) {
    throw notOfItsName();
  }
  const frames = contents.frames.map(({ offset, length, chunks }) => {
    return { offset, length, chunks: chunks.map((chunk): [string, number] => [hex(chunk.id), chunk.length]) };
  });
  return { encoding: "frames", frames };
}

function notOfItsName(): FormatError {
  return altered("its bytes do not have the SHA-256 of its name");
}

/** Asks for the end of the pack, and once more if the table of contents is longer. Throws a FormatError if it is malformed. */
async function readTable(bucket: ObjectSource, pack: Stored): Promise<PackContents> {
  const { size } = pack;
  const tail = await readPart(bucket, pack, Math.max(0, size - usualTable), size);
  const length = contentsLength(tail);
  if (length > Math.min(size, longestTable)) throw altered("a pack's table of contents is longer than any pack has");
  const start = size - length;
  const before = length > tail.length ? await readPart(bucket, pack, start, size - tail.length) : new Uint8Array();
  const table = Buffer.concat([before, tail]).subarray(-length);
  return { frames: placeFrames(decodeContents(table), length, size), table };
}

async function readPart(bucket: ObjectSource, pack: Stored, start: number, end: number): Promise<Uint8Array> {
  const length = end - start;
  return collect(readRange(bucket, { ...pack, encoding: "frames" }, { start, length }), length);
}

/** Checks each chunk of a pack. Returns the SHA-256 of its stored bytes, hex. */
async function digestOfChecked(
  bucket: ObjectSource,
  pack: Stored,
  { frames, table }: PackContents,
  { memory, onFrame }: PackCheck,
): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  const stored = readRange(bucket, { ...pack, encoding: "frames" }, { start: 0, length: pack.size });
  const pieces = new Pieces(0, hashed(stored, hash));
  try {
    for (const frame of frames) {
      const bytes = await pieces.take(frame.offset, frame.length);
      await memory.take(frame.content);
      await checkFrameContent(frame, bytes, onFrame).finally(() => memory.give(frame.content));
    }
    const end = await pieces.take(pack.size - table.length, table.length);
    if (!Buffer.from(end).equals(table)) throw altered("its end is not the same as a moment before");
  } finally {
    await pieces.end();
  }
  return hash.digest("hex");
}

async function* hashed(source: AsyncIterable<Uint8Array>, hash: Bun.CryptoHasher): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    hash.update(piece);
    yield piece;
  }
}

async function checkFrameContent(frame: PlacedFrame, stored: Uint8Array, onFrame: PackCheck["onFrame"]): Promise<void> {
  const { content: expected, chunks } = frame;
  const content = await decodeFrame(stored, expected);
  try {
    if (content.length !== expected) throw altered("a frame does not have the length that its table of contents says");
    let at = 0;
    for (const { id, length } of chunks) {
      if (sha256(content.subarray(at, at + length)) !== hex(id)) {
        throw altered("a chunk is not what its table of contents says");
      }
      at += length;
    }
    onFrame?.(frame, content);
  } finally {
    release(content);
  }
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString("hex");
}
