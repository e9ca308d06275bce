/**
 * zstd frames (RFC 8878), as far as sysbackup looks inside them itself: compressing and decompressing is Bun's.
 */
import { altered } from "./error.ts";

const magic = 0xfd2fb528;
const maxBlock = 128 * 1024;
/** Magic, descriptor, window, dictionary id, content size. */
const longestHeader = 4 + 1 + 1 + 4 + 8;

/**
 * Content that a frame of a pack may hold at most, in bytes. A reader refuses more before it decompresses, so that a
 * small hostile frame cannot fill the memory.
 */
export const maxFrameContent = 64 * 1024 * 1024;

/** Content as a zstd frame of raw blocks, for content that is not to be compressed: plain `zstd -d` reads it. */
export function rawFrame(content: Uint8Array): Uint8Array {
  const blocks = Math.max(1, Math.ceil(content.length / maxBlock));
  const frame = Buffer.allocUnsafe(9 + blocks * 3 + content.length);
  frame.writeUInt32LE(magic, 0);
  frame[4] = 0b1010_0000; // content size in four bytes, single segment
  frame.writeUInt32LE(content.length, 5);
  let at = 9;
  for (let block = 0; block < blocks; block += 1) {
    const piece = content.subarray(block * maxBlock, (block + 1) * maxBlock);
    const last = block === blocks - 1 ? 1 : 0;
    frame.writeUIntLE((piece.length << 3) | last, at, 3);
    frame.set(piece, at + 3);
    at += 3 + piece.length;
  }
  return frame;
}

/** The decompressed length that the frame's header states; every frame that sysbackup writes states it. */
export function frameContentSize(frame: Uint8Array): number {
  const header = Buffer.alloc(longestHeader);
  header.set(frame.subarray(0, longestHeader));
  if (header.readUInt32LE(0) !== magic) throw altered("not a zstd frame");
  const descriptor = header.readUInt8(4);
  const single = (descriptor & 0b0010_0000) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 0b11] ?? 0;
  const at = 5 + (single ? 0 : 1) + dictionary;
  const sizeFlag = descriptor >> 6;
  if (sizeFlag === 0 && single) return header.readUInt8(at);
  if (sizeFlag === 1) return header.readUInt16LE(at) + 256;
  if (sizeFlag === 2) return header.readUInt32LE(at);
  if (sizeFlag === 3) return Number(header.readBigUInt64LE(at));
  throw altered("a zstd frame does not state its size");
}

/** Refuses a frame whose content is, by its own word, larger than a reader is ready to hold. */
export function checkFrame(frame: Uint8Array, most: number = maxFrameContent): void {
  const size = frameContentSize(frame);
  if (size > most) throw altered(`a zstd frame says that it holds ${size} bytes, more than the ${most} allowed`);
}
