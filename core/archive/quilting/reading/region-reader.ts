/** Reads the data of a file one region after another, as if it had no holes. */
import { readAt } from "../../../system/files.ts";
import type { Region } from "./open-file.ts";

export class RegionReader {
  readonly #fd: number;
  readonly #regions: readonly Region[];
  #number = 0;
  /** Bytes that were read of the current region. */
  #read = 0;
  /** Where the file ended before its last region did. */
  #cutAt: number | undefined;

  constructor(fd: number, regions: readonly Region[]) {
    this.#fd = fd;
    this.#regions = regions;
  }

  /** Fills the buffer between two offsets, unless the data ends before. Returns where it is filled to. */
  fill(buffer: Uint8Array, from: number, to: number): number {
    let filled = from;
    while (filled < to && this.#cutAt === undefined) {
      const region = this.#regions[this.#number];
      if (region === undefined) break;
      const [offset, length] = region;
      const got = readAt(this.#fd, buffer, filled, Math.min(to - filled, length - this.#read), offset + this.#read);
      if (got === 0) this.#cutAt = offset + this.#read;
      filled += got;
      this.#read += got;
      if (this.#read < length) continue;
      this.#number += 1;
      this.#read = 0;
    }
    return filled;
  }

  /** Where reading ended: `size`, that of the file, or less if the file shrank meanwhile. */
  end(size: number): number {
    return this.#cutAt ?? size;
  }
}
