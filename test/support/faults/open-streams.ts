/** Counts the streams of a bucket that a reader has begun, has read to the end, and has left open. */
import type { GetOptions } from "../../../core/bucket/contract.ts";
import type { ObjectSource } from "../../../core/stored/read.ts";

export class OpenStreams implements ObjectSource {
  readonly figures = { begun: 0, whole: 0, open: 0 };
  readonly #bucket: ObjectSource;

  constructor(bucket: ObjectSource) {
    this.#bucket = bucket;
  }

  async *get(key: string, options?: GetOptions): AsyncGenerator<Uint8Array> {
    this.figures.begun += 1;
    this.figures.open += 1;
    try {
      yield* this.#bucket.get(key, options);
      this.figures.whole += 1;
    } finally {
      this.figures.open -= 1;
    }
  }
}
