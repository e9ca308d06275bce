/**
 * zstd frames (RFC 8878), as far as sysbackup looks inside them itself: compressing and decompressing is Bun's, on another
 * thread.
 */
import { altered, undecodable } from "../error.ts";

const magic = 0xfd2fb528;
const maxBlock = 128 * 1024;
export const blockHeaderBytes = 3;
export const blockKind = { raw: 0, repeated: 1, compressed: 2, reserved: 3 } as const;
export const checksumBytes = 4;
/** Magic, descriptor, window, dictionary id, content size. */
const longestHeader = 4 + 1 + 1 + 4 + 8;

/**
 * Content that a frame of a pack may hold at most, in bytes. A reader refuses more before it decompresses, so that a
 * small hostile frame cannot fill the memory.
 */
export const maxFrameContent = 64 * 1024 * 1024;

/** Stored bytes of a frame at most: one of raw blocks has three bytes more for each 128 KiB, and this leaves room for any. */
export const longestFrame = maxFrameContent + 1024 * 1024;

/** Returns content as one zstd frame that states its size. */
export function encodeFrame(content: Uint8Array, level: number): Promise<Uint8Array> {
  return Bun.zstdCompress(content, { level });
}

/**
 * Returns the content of one zstd frame. Throws a FormatError if it is not exactly one frame, is corrupt, or holds more than
 * `most` bytes. `release` the content when it is used up.
 */
export async function decodeFrame(frame: Uint8Array, most: number = maxFrameContent): Promise<Uint8Array> {
  // Afterwards the decompressor can be trusted not to make more of it than the frame says.
  checkFrame(frame, most);
  try {
    return await Bun.zstdDecompress(frame);
  } catch {
    throw undecodable();
  }
}

/** Decodes as `decodeFrame`, on this thread: for threads of their own. */
export function decodeFrameHere(frame: Uint8Array): Uint8Array {
  checkFrame(frame);
  try {
    return Bun.zstdDecompressSync(frame);
  } catch {
    throw undecodable();
  }
}

/** Returns content as a zstd frame of raw blocks, without compressing it: plain `zstd -d` reads it. */
export function rawFrame(content: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(content.length / maxBlock));
  const frame = Buffer.allocUnsafe(9 + blocks * blockHeaderBytes + content.length);
  frame.writeUInt32LE(magic, 0);
  frame[4] = 0b1010_0000; // content size in four bytes, single segment
  frame.writeUInt32LE(content.length, 5);
  let at = 9;
  for (let block = 0; block < blocks; block += 1) {
    const piece = content.subarray(block * maxBlock, (block + 1) * maxBlock);
    const last = block === blocks - 1 ? 1 : 0;
    frame.writeUIntLE((piece.length << 3) | (blockKind.raw << 1) | last, at, blockHeaderBytes);
    frame.set(piece, at + blockHeaderBytes);
    at += blockHeaderBytes + piece.length;
  }
  return frame;
}

/** Returns the length of the content in bytes, as the frame's header states it; every frame that sysbackup writes does. */
export function frameContentSize(frame: Uint8Array): number {
  return decodeHeader(frame).contentSize;
}

/**
 * Refuses bytes that are not exactly one frame, or one whose content is, by its own word, larger than a reader is
 * ready to hold. A decompressor obeys that word for one frame, but goes on to any frame that follows it. @internal
 */
export function checkFrame(frame: Uint8Array, most: number = maxFrameContent): void {
  const header = decodeHeader(frame);
  if (header.contentSize > most) {
    throw altered(`a zstd frame says that it holds ${header.contentSize} bytes, more than the ${most} allowed`);
  }
  const end = endOfBlocks(frame, header.length) + (header.checksum ? checksumBytes : 0);
  if (end > frame.length) throw altered("a zstd frame is cut short");
  if (end < frame.length) throw altered("something follows a zstd frame");
}

type FrameHeader = {
  readonly length: number;
  readonly contentSize: number;
  /** Bytes of content that a decompressor must keep at hand. */
  readonly window: number;
  readonly checksum: boolean;
};

/** Decodes the header of a frame, of which all bytes must be there. */
export function decodeHeader(frame: Uint8Array): FrameHeader {
  const padded = Buffer.alloc(longestHeader);
  padded.set(frame.subarray(0, longestHeader));
  if (padded.readUInt32LE(0) !== magic) throw altered("not a zstd frame");
  const descriptor = padded.readUInt8(4);
  const single = (descriptor & 0b0010_0000) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
  const at = 5 + (single ? 0 : 1) + dictionary;
  const { width, contentSize } = decodeContentSize(padded, at, descriptor >> 6, single);
  if (frame.length < at + width) throw altered("a zstd frame is cut short");
  const window = single ? contentSize : decodeWindow(padded.readUInt8(5));
  return { length: at + width, contentSize, window, checksum: (descriptor & 0b100) !== 0 };
}

function decodeWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 0b111);
}

function decodeContentSize(header: Buffer, at: number, flag: number, single: boolean) {
  if (flag === 1) return { width: 2, contentSize: header.readUInt16LE(at) + 256 };
  if (flag === 2) return { width: 4, contentSize: header.readUInt32LE(at) };
  if (flag === 3) return { width: 8, contentSize: Number(header.readBigUInt64LE(at)) };
  if (single) return { width: 1, contentSize: header.readUInt8(at) };
  throw altered("a zstd frame does not state its size");
}

function endOfBlocks(frame: Uint8Array, start: number): number {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  for (let at = start; at + blockHeaderBytes <= bytes.length; ) {
    const block = bytes.readUIntLE(at, blockHeaderBytes);
    const kind = (block >> 1) & 0b11;
    if (kind === blockKind.reserved) throw altered("a zstd frame holds a block of no known kind");
    at += blockHeaderBytes + (kind === blockKind.repeated ? 1 : block >> 3);
    if ((block & 1) === 1) return at;
  }
  throw altered("a zstd frame is cut short");
}
