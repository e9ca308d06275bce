/** Bytes and numbers that are the same in every run. */
import { createCipheriv } from "node:crypto";

/** Bytes that nothing compresses, in order: the key stream of AES. */
export class Noise {
  readonly #stream;

  constructor(seed: string) {
    this.#stream = createCipheriv("aes-128-ctr", seed.padEnd(16, "0").slice(0, 16), Buffer.alloc(16));
  }

  bytes(count: number): Buffer {
    return this.#stream.update(Buffer.alloc(count));
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return this.bytes(6).readUIntBE(0, 6) % bound;
  }
}
