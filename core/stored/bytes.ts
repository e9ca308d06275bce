/** Streams of bytes and bytes in memory. */

import type { ByteStream } from "../format/codecs/zlib.ts";
import { altered } from "../format/error.ts";
import { release } from "../system/threads/garbage.ts";

/** Yields one piece. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Returns all of a stream. Throws a FormatError if it has more than `most` bytes, and keeps none of them. */
export async function collect(stream: ByteStream, most: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > most) throw altered(`it is larger than the ${most} bytes expected`);
    pieces.push(piece);
  }
  const [first] = pieces;
  return pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, size);
}

const worthReleasing = 4_096;

/** Bytes that a filter is given at a time: what it has taken of them may be overwritten. */
const sliceOfContent = 256 * 1024;

/**
 * Returns what a filter makes of content, in `memory` if it has room. The content may be the end of that: it is overwritten as far as the
 * filter has taken it, and what would go further gets other memory. Releases the memory of what the filter gives, as it comes: the collector
 * notices bytes outside of its heap late.
 */
export async function gatherFiltered(
  filter: (content: ByteStream) => ByteStream,
  content: Uint8Array,
  memory: Uint8Array,
): Promise<Uint8Array> {
  const shares = content.buffer === memory.buffer;
  let free = shares ? content.byteOffset - memory.byteOffset : memory.length;
  const slices = (async function* () {
    for (let at = 0; at < content.length; at += sliceOfContent) {
      yield content.subarray(at, at + sliceOfContent);
      // Who asks for more has taken what came before.
      if (shares) free = Math.min(content.byteOffset - memory.byteOffset + at + sliceOfContent, memory.length);
    }
    free = memory.length;
  })();
  return gather(filter(slices), content, memory, () => free);
}

/**
 * Returns a stream in `memory` if it has room, up to where it is free. Releases the memory of its pieces as they come, unless they are
 * those of `source`.
 */
export async function gather(
  stream: ByteStream,
  source: Uint8Array,
  memory: Uint8Array,
  freeNow = () => memory.length,
): Promise<Uint8Array> {
  let content = memory;
  let free = freeNow;
  let size = 0;
  for await (const piece of stream) {
    if (size + piece.length > free()) {
      const larger = Buffer.allocUnsafeSlow(2 * Math.max(size + piece.length, memory.length));
      larger.set(content.subarray(0, size));
      content = larger;
      free = () => larger.length;
    }
    content.set(piece, size);
    size += piece.length;
    if (piece.length >= worthReleasing && piece.buffer !== source.buffer) release(piece);
  }
  return content.subarray(0, size);
}

/** Passes a stream on. `count` gets the size of each piece before it is passed on; what it throws ends the stream. */
export async function* counted(stream: ByteStream, count: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    count(piece.length);
    yield piece;
  }
}

/** Passes a stream on. Throws a FormatError if it has more than `most` bytes. */
export async function* bounded(stream: ByteStream, most: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > most) throw altered(`it is larger than the ${most} bytes expected`);
    yield piece;
  }
}

/** Returns the first `length` bytes of a stream, or all if there are fewer, in a buffer of their own. */
export async function beginning(stream: ByteStream, length: number): Promise<Uint8Array> {
  const content = Buffer.allocUnsafe(length);
  let filled = 0;
  for await (const piece of cut(stream, 0, length)) {
    content.set(piece, filled);
    filled += piece.length;
  }
  return content.subarray(0, filled);
}

/** Yields `length` bytes of a stream from `start` on, or fewer if it ends before. The rest is not read. */
export async function* cut(stream: ByteStream, start: number, length: number): AsyncGenerator<Uint8Array> {
  const end = start + length;
  let position = 0;
  if (length === 0) return;
  for await (const piece of stream) {
    const wanted = piece.subarray(Math.max(0, start - position), Math.max(0, end - position));
    position += piece.length;
    if (wanted.length > 0) yield wanted;
    if (position >= end) return;
  }
}

/** Passes a stream on. Throws a FormatError at its end, or before, if its size or SHA-256 (hex, empty if not known) is another. */
export async function* checked(stream: ByteStream, size: number, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = new Bun.CryptoHasher("sha256");
  let length = 0;
  for await (const piece of stream) {
    hash.update(piece);
    length += piece.length;
    if (length > size) throw altered("it is longer than the manifest says");
    yield piece;
  }
  const digest = hash.digest("hex");
  if (length !== size || (sha256 !== "" && digest !== sha256))
    throw altered("it does not match the digest in the manifest");
}
