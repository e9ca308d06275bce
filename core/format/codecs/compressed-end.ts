/** What bzip2 and xz write at the very end, by which a stream is known to be whole. */
import { crc32 } from "node:zlib";

/** Bytes from which both can be seen: bzip2's has 48 and 32 bits that may begin within a byte. */
export const endSize = 12;

/** By program: whether the last bytes that it gave, up to `endSize`, are the end of its format. */
export const isCompressedEnd = { bzip2: isEndOfBzip2, xz: isEndOfXz } as const;

const bzip2End = 0x177245385090n;
const bzip2EndBits = 48n;
const bzip2SumBits = 32n;
const mostPadding = 7n;

/** Blocks begin within bytes, and so does the mark behind them, before the sum of all blocks. */
function isEndOfBzip2(end: Uint8Array): boolean {
  const bits = BigInt(`0x0${Buffer.from(end).toString("hex")}`);
  for (let padding = 0n; padding <= mostPadding; padding += 1n)
    if (BigInt.asUintN(Number(bzip2EndBits), bits >> (padding + bzip2SumBits)) === bzip2End) return true;
  return false;
}

/** The footer: CRC-32 of size of the index and flags, these two, and a mark. */
function isEndOfXz(end: Uint8Array): boolean {
  const footer = Buffer.from(end);
  if (footer.length < endSize || footer.toString("latin1", 10) !== "YZ") return false;
  return footer.readUInt32LE(0) === crc32(footer.subarray(4, 10));
}
