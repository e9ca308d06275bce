/**
 * Runs the garbage collector for buffers of compression and decompression. They are outside of its heap, so that it notices
 * them late, and memory would grow to several times of what is in use.
 */
export class Garbage {
  readonly #limit: number;
  #bytes = 0;

  /** Collects whenever so many bytes were left: 32 MiB cost about 10 ms. */
  constructor(limit: number = 32 * 1024 * 1024) {
    this.#limit = limit;
  }

  left(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#limit) return;
    this.#bytes = 0;
    Bun.gc(true);
  }
}

/** Frees the memory at once, as the collector notices bytes outside of its heap late. */
export function release(content: Uint8Array): void {
  const { buffer } = content;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === content.byteLength) buffer.transfer(0);
}

const counted = new SharedArrayBuffer(1024 * 1024);

/**
 * Has the collector count so many MiB more as allocated, so that it looks for young garbage sooner. It goes through what is new only, in a
 * tenth of the time of a whole collection. Nothing is allocated: the collector counts shared memory once more for each object that leads to
 * it.
 */
export function hurryCollector(mebibytes: number): void {
  for (let count = 0; count < mebibytes; count += 1) structuredClone(counted);
}
