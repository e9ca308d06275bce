/** Reads the data of a file one region after another. */
import { readAt } from "../../../system/files/files.ts";
import type { Region, Regions } from "./regions.ts";

/** Up to so many regions, chunks end where regions do, so that a change in one of them leaves the chunks of the others as they are. */
const mostApart = 1_024;

/** Data on its way into chunks. */
export type DataReader = {
  /** See `RegionReader.fill`. */
  fill(buffer: Uint8Array, start: number, from: number, to: number): number | Promise<number>;
};

export class RegionReader implements DataReader {
  readonly #fd: number;
  readonly #regions: Iterator<Region>;
  readonly #onRegion: (region: Region) => void;
  readonly #joins: boolean;
  #region: Region | undefined;
  /** Bytes that were read of the current region. */
  #read = 0;
  /** Where the file ended before its last region did. */
  #cutAt: number | undefined;

  /** `onRegion` is called with each region before it is read. */
  constructor(fd: number, { few, each }: Regions, onRegion: (region: Region) => void) {
    this.#fd = fd;
    this.#regions = each()[Symbol.iterator]();
    this.#onRegion = onRegion;
    this.#joins = few === undefined || few.length > mostApart;
    this.#next();
  }

  /**
   * Fills the buffer from `from` to `to` with what may be in one chunk with the bytes from `start` on, which were read before. Returns
   * where it is filled to: `start` only at the end of the data.
   */
  fill(buffer: Uint8Array, start: number, from: number, to: number): number {
    let filled = from;
    while (filled < to && this.#cutAt === undefined && this.#region !== undefined) {
      const [offset, length] = this.#region;
      if (this.#read === length) {
        if (filled > start && !this.#joins) break;
        this.#next();
        continue;
      }
      const got = readAt(this.#fd, buffer, filled, Math.min(to - filled, length - this.#read), offset + this.#read);
      if (got === 0) this.#cutAt = offset + this.#read;
      filled += got;
      this.#read += got;
    }
    return filled;
  }

  /** Returns where reading ended: at `size`, that of the file, or before if the file shrank meanwhile. */
  end(size: number): number {
    return this.#cutAt ?? size;
  }

  #next(): void {
    const next = this.#regions.next();
    this.#region = next.done ? undefined : next.value;
    this.#read = 0;
    if (this.#region !== undefined) this.#onRegion(this.#region);
  }
}
