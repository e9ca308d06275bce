/**
 * Content-defined chunking: the content decides about the cuts, so bytes inserted into a file change only the chunks
 * around them. Uses a gear hash over a sliding window of 32 bytes; see Xia et al., "FastCDC", USENIX ATC 2016.
 */

/** Bounds of a chunk in bytes. A file of at most `smallest` is one chunk; the average is about 1 MiB. */
export const chunkSize = { smallest: 512 * 1024, largest: 2 * 1024 * 1024 } as const;

/** Upper 19 bits, which depend on all 32 bytes of the window. They are all 0 once in 512 KiB. */
const mask = 0xffff_e000 | 0;

/** Random words, one for each value of a byte, from SHA-256: every host has the same. Sealed backups have others, of a secret. */
const plainGear = Int32Array.from({ length: 256 }, (_, byte) =>
  new Bun.CryptoHasher("sha256").update(`sysbackup gear ${byte}`).digest().readInt32LE(0),
);

/**
 * Returns the length of the chunk at `start`. The bytes from `start` to `end` must be the whole rest of the content, or at
 * least `chunkSize.largest`.
 */
export function chunkLength(bytes: Uint8Array, start: number, end: number, gear: Int32Array = plainGear): number {
  const available = end - start;
  if (available <= chunkSize.smallest) return available;
  const last = start + Math.min(available, chunkSize.largest);
  let hash = 0;
  for (let at = start + chunkSize.smallest; at < last; at += 1) {
    hash = ((hash << 1) + (gear[bytes[at] as number] as number)) | 0;
    if ((hash & mask) === 0) return at + 1 - start;
  }
  return last - start;
}
