/** Cutting what is wanted out of a stream, whatever the pieces that it comes in. */
import { altered } from "../format/error.ts";

export class Pieces {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();
  /** Where in the object `#piece` begins. */
  #position: number;

  /** `start`: where in the object the stream begins. */
  constructor(start: number, stream: AsyncIterable<Uint8Array>) {
    this.#position = start;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /**
   * Takes `length` bytes from `offset` on, which is not before the end of what was taken last, in memory of their own: `release` them
   * when they are used up. Throws a FormatError if the stream ends too early.
   */
  async take(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#position < offset) this.#drop(Math.min(offset - this.#position, await this.#available()));
    const taken = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length; ) {
      const part = this.#drop(Math.min(length - filled, await this.#available()));
      taken.set(part, filled);
      filled += part.length;
    }
    return taken;
  }

  /** Takes the next bytes that nobody has taken, as many as come at once; undefined at the end of the stream. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#piece.length > 0) return this.#drop(this.#piece.length);
    const { value, done } = await this.#iterator.next();
    if (done) return undefined;
    this.#position += value.length;
    return value;
  }

  /** Leaves the rest of the stream unread. */
  async end(): Promise<void> {
    await this.#iterator.return?.();
  }

  #drop(length: number): Uint8Array {
    const dropped = this.#piece.subarray(0, length);
    this.#piece = this.#piece.subarray(length);
    this.#position += length;
    return dropped;
  }

  /** At least one byte. */
  async #available(): Promise<number> {
    while (this.#piece.length === 0) {
      const { value, done } = await this.#iterator.next();
      if (done) throw altered("it ends too early");
      this.#piece = value;
    }
    return this.#piece.length;
  }
}
