/** Cuts the frames that are needed out of a ranged read, as its bytes come. */
import { altered } from "../core/format/error.ts";
import { maxFrameContent } from "../core/format/frame.ts";
import type { Frame, Read } from "./plan.ts";

export type StoredFrame = { readonly frame: Frame; readonly stored: Uint8Array };

/** A frame of raw blocks has three bytes more for each 128 KiB; this leaves room for any. */
const longestFrame = maxFrameContent + 1024 * 1024;

/** Yields the frames in order. `stream` is exactly the read's bytes; throws if it ends too early for the next frame. */
export async function* framesIn(read: Read, stream: AsyncIterable<Uint8Array>): AsyncGenerator<StoredFrame> {
  const pieces = new Pieces(read.start, stream[Symbol.asyncIterator]());
  try {
    for (const frame of read.frames) {
      if (frame.length > longestFrame) throw altered(`a frame of ${frame.length} bytes is more than any pack has`);
      yield { frame, stored: await pieces.take(frame.offset, frame.length) };
    }
  } finally {
    await pieces.end();
  }
}

class Pieces {
  #piece: Uint8Array = new Uint8Array();

  readonly #iterator: AsyncIterator<Uint8Array>;
  /** Where in the object the rest of the piece begins. */
  #position: number;

  constructor(position: number, iterator: AsyncIterator<Uint8Array>) {
    this.#position = position;
    this.#iterator = iterator;
  }

  /** Takes bytes from `offset` on, which is not before the end of the last take. They may be a view of what the stream gave. */
  async take(offset: number, length: number): Promise<Uint8Array> {
    while (this.#position < offset) this.#drop(Math.min(offset - this.#position, await this.#available()));
    if ((await this.#available()) >= length) return this.#drop(length);
    const taken = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length; ) {
      const piece = this.#drop(Math.min(length - filled, await this.#available()));
      taken.set(piece, filled);
      filled += piece.length;
    }
    return taken;
  }

  async end(): Promise<void> {
    await this.#iterator.return?.();
  }

  #drop(length: number): Uint8Array {
    const dropped = this.#piece.subarray(0, length);
    this.#piece = this.#piece.subarray(length);
    this.#position += length;
    return dropped;
  }

  /** Waits for at least one byte, and returns how many there are. */
  async #available(): Promise<number> {
    while (this.#piece.length === 0) {
      const { value, done } = await this.#iterator.next();
      if (done) throw altered("it ends too early");
      this.#piece = value;
    }
    return this.#piece.length;
  }
}
