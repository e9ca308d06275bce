/**
 * Compression and decompression leave large buffers outside of the collector's heap, where it notices them late: memory would
 * grow to several times of what is in use. So it is told.
 */
export class Garbage {
  readonly #limit: number;
  #bytes = 0;

  /** Collects each time that so many bytes were left: 32 MiB cost about 10 ms. */
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

/** Gives the memory back at once: the collector hardly notices bytes outside of its heap, and comes late for them. */
export function release(content: Uint8Array): void {
  const { buffer } = content;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === content.byteLength) buffer.transfer(0);
}
