import type { ByteStream } from "../format/codecs/zlib.ts";

/** A stream that goes on where the last loop over it was left: the rest can still be read. Ends when it is disposed of. */
export class Unending implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #onPiece: (piece: Uint8Array) => void;

  /** `onPiece` is called with each piece, once. */
  constructor(source: ByteStream, onPiece: (piece: Uint8Array) => void = () => {}) {
    this.#source = source[Symbol.asyncIterator]();
    this.#onPiece = onPiece;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#next() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.();
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    const result = await this.#source.next();
    if (result.done) return { done: true, value: undefined };
    this.#onPiece(result.value);
    return result;
  }
}
