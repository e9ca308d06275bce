/**
 * Content-defined chunking: cuts fall where the content says, so that bytes inserted into a file change the chunks
 * around them and no others. A gear hash over a sliding window of 32 bytes; see Xia et al., "FastCDC", USENIX ATC 2016.
 */

/** Bytes. A file of at most `smallest` is one chunk; the average is about 1 MiB. */
export const chunkSize = { smallest: 512 * 1024, largest: 2 * 1024 * 1024 } as const;

/** The upper bits, which depend on all 32 bytes of the window; 19 of them are 0 once in 512 KiB. */
const mask = 0xffff_e000 | 0;

/** One random word per byte value, from SHA-256 so that every host has the same. */
const gear = Int32Array.from({ length: 256 }, (_, byte) =>
  new Bun.CryptoHasher("sha256").update(`sysbackup gear ${byte}`).digest().readInt32LE(0),
);

/**
 * Returns the length of the chunk at `start`. What lies between `start` and `end` must be either all that is left of the
 * content, or at least `chunkSize.largest`.
 */
export function chunkLength(bytes: Uint8Array, start: number, end: number): number {
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
