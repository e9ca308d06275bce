/** The dump of one snapshotter on its way: its beginning is looked at, all of it counted and hashed. */
import { createHash } from "node:crypto";

export class Dump {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #onBytes: ((count: number) => void) | undefined;
  readonly #hash = createHash("sha256");
  readonly #peeked: Uint8Array[] = [];
  #size = 0;

  constructor(source: AsyncIterable<Uint8Array>, onBytes: ((count: number) => void) | undefined) {
    this.#pieces = source[Symbol.asyncIterator]();
    this.#onBytes = onBytes;
  }

  /** Bytes that have come until now. */
  get size(): number {
    return this.#size;
  }

  /** Returns the first `length` bytes, or all if there are fewer. They stay to be read. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#size < length) {
      const { value, done } = await this.#pieces.next();
      if (done) break;
      this.#count(value);
      this.#peeked.push(value);
    }
    return Buffer.concat(this.#peeked).subarray(0, length);
  }

  /** Yields all of it. Call once. */
  async *read(): AsyncGenerator<Uint8Array> {
    yield* this.#peeked.splice(0);
    for (let next = await this.#pieces.next(); !next.done; next = await this.#pieces.next()) {
      this.#count(next.value);
      yield next.value;
    }
  }

  /** Returns the SHA-256 in hex. Call once, after all was read. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  #count(piece: Uint8Array): void {
    this.#size += piece.length;
    this.#hash.update(piece);
    this.#onBytes?.(piece.length);
  }
}
