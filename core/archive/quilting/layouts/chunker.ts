/**
 * Content-defined chunking: the content decides about the cuts, so bytes inserted into a file change only the chunks
 * around them. Uses a gear hash over a sliding window of 32 bytes; see Xia et al., "FastCDC", USENIX ATC 2016.
 */

/** How long chunks are, in bytes. */
export type ChunkSizes = {
  /** Content of at most this is one chunk. */
  readonly smallest: number;
  readonly largest: number;
  /** Upper bits of the hash: where all of them are 0, a chunk ends. With n of them, that is once in 2^n bytes. */
  readonly mask: number;
};

/** Sizes for files: 1 MiB on average. The mask has 19 bits, which depend on all 32 bytes of the window. */
export const chunkSize: ChunkSizes = { smallest: 512 * 1024, largest: 2 * 1024 * 1024, mask: 0xffff_e000 | 0 };

/** Sizes for dumps: 64 KiB on average. docs/decisions.md has the figures that they are chosen from. The mask has 15 bits. */
export const dumpChunks: ChunkSizes = { smallest: 32 * 1024, largest: 128 * 1024, mask: 0xfffe_0000 | 0 };

/** Random words, one for each value of a byte, from SHA-256: every host has the same. Sealed backups have others, of a secret. */
const plainGear = Int32Array.from({ length: 256 }, (_, byte) =>
  new Bun.CryptoHasher("sha256").update(`sysbackup gear ${byte}`).digest().readInt32LE(0),
);

/**
 * Returns the length of the chunk at `start`. The bytes from `start` to `end` must be the whole rest of the content, or at
 * least `largest`.
 */
export function chunkLength(
  bytes: Uint8Array,
  start: number,
  end: number,
  gear: Int32Array = plainGear,
  { smallest, largest, mask }: ChunkSizes = chunkSize,
): number {
  const available = end - start;
  if (available <= smallest) return available;
  const last = start + Math.min(available, largest);
  let hash = 0;
  for (let at = start + smallest; at < last; at += 1) {
    hash = ((hash << 1) + (gear[bytes[at] as number] as number)) | 0;
    if ((hash & mask) === 0) return at + 1 - start;
  }
  return last - start;
}
