/** Reads a stream whose length is not known, as a file without holes is read. */
import type { Garbage } from "../../../system/threads/garbage.ts";
import type { DataReader } from "../reading/region-reader.ts";
import type { Region } from "../reading/regions.ts";

const nothing = new Uint8Array();

export class StreamReader implements DataReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #garbage: Garbage;
  /** What is left of the piece that came last. */
  #rest: Uint8Array = nothing;
  /** Bytes that were read until now. */
  length = 0;

  /** `onRegion` is called with the one region that a stream is. `garbage`: gets the pieces, which the collector notices late. */
  constructor(stream: AsyncIterable<Uint8Array>, onRegion: (region: Region) => void, garbage: Garbage) {
    this.#pieces = stream[Symbol.asyncIterator]();
    this.#garbage = garbage;
    onRegion([0, Number.MAX_SAFE_INTEGER]);
  }

  /** Fills the buffer from `from` to `to`. Returns where it is filled to: less only at the end of the stream. */
  async fill(buffer: Uint8Array, _start: number, from: number, to: number): Promise<number> {
    let filled = from;
    while (filled < to) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#pieces.next();
        if (done) break;
        this.#garbage.left(value.length);
        this.#rest = value;
        continue;
      }
      const taken = this.#rest.subarray(0, to - filled);
      buffer.set(taken, filled);
      filled += taken.length;
      this.length += taken.length;
      this.#rest = this.#rest.subarray(taken.length);
    }
    return filled;
  }
}
