/**
 * A pack: zstd frames one after another, then a skippable frame with the pack's own table of contents, so that plain
 * `zstd -d` reads the whole pack and the index can be rebuilt from packs alone.
 *
 * Table of contents, little-endian: for each frame u32 stored length, u32 number of chunks, then for each chunk its
 * 32-byte id and u32 length. Last come u32 length of all that, and the eight bytes `SBPACK\0\1`, so that a reader
 * finds it from the end. Offsets are sums of the lengths before.
 */
import { altered } from "../error.ts";

export type PackedChunk = { readonly id: Uint8Array; readonly length: number };

export type PackedFrame = {
  /** Stored (compressed) bytes. */
  readonly length: number;
  readonly chunks: readonly PackedChunk[];
};

const skippableMagic = 0x184d2a50;
const headerBytes = 8;
const trailer = Buffer.from("SBPACK\0\x01", "latin1");
const trailerBytes = 4 + trailer.length;
const frameBytes = 8;
const chunkBytes = 36;

/** Returns the bytes that `encodeContents` will need for so many frames and chunks, to size a pack. */
export function contentsSize(frames: number, chunks: number): number {
  return headerBytes + frames * frameBytes + chunks * chunkBytes + trailerBytes;
}

/** Returns the skippable frame that ends a pack. */
export function encodeContents(frames: readonly PackedFrame[]): Uint8Array {
  const chunks = frames.reduce((sum, frame) => sum + frame.chunks.length, 0);
  const bytes = Buffer.allocUnsafe(contentsSize(frames.length, chunks));
  bytes.writeUInt32LE(skippableMagic, 0);
  bytes.writeUInt32LE(bytes.length - headerBytes, 4);
  let at = headerBytes;
  for (const frame of frames) {
    bytes.writeUInt32LE(frame.length, at);
    bytes.writeUInt32LE(frame.chunks.length, at + 4);
    at += frameBytes;
    for (const chunk of frame.chunks) {
      bytes.set(chunk.id, at);
      bytes.writeUInt32LE(chunk.length, at + 32);
      at += chunkBytes;
    }
  }
  bytes.writeUInt32LE(at - headerBytes, at);
  bytes.set(trailer, at + 4);
  return bytes;
}

/** Returns how many bytes at the end of a pack hold its table of contents; `tail` is at least its last 12 bytes. */
export function contentsLength(tail: Uint8Array): number {
  const end = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength).subarray(-trailerBytes);
  if (end.length < trailerBytes || !end.subarray(4).equals(trailer)) throw altered("a pack has no table of contents");
  return headerBytes + end.readUInt32LE(0) + trailerBytes;
}

/** Decodes a table of contents. `bytes` is the skippable frame exactly, as `contentsLength` measures it. */
export function decodeContents(bytes: Uint8Array): PackedFrame[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    contentsLength(buffer) !== buffer.length ||
    buffer.readUInt32LE(0) !== skippableMagic ||
    buffer.readUInt32LE(4) !== buffer.length - headerBytes
  ) {
    throw altered("a pack's table of contents is malformed");
  }
  const end = buffer.length - trailerBytes;
  const frames: PackedFrame[] = [];
  for (let at = headerBytes; at < end; ) {
    if (end - at < frameBytes) throw altered("a pack's table of contents is cut short");
    const length = buffer.readUInt32LE(at);
    const count = buffer.readUInt32LE(at + 4);
    at += frameBytes;
    if (end - at < count * chunkBytes) throw altered("a pack's table of contents is cut short");
    const chunks: PackedChunk[] = [];
    for (let chunk = 0; chunk < count; chunk += 1, at += chunkBytes) {
      chunks.push({ id: buffer.subarray(at, at + 32), length: buffer.readUInt32LE(at + 32) });
    }
    frames.push({ length, chunks });
  }
  return frames;
}
