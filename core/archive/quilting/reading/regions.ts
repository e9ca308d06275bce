/** Finds the data of a file between its holes, in bounded memory and time whatever the file is. */
import type { Hole } from "../../../format/entries/entry.ts";
import { mostOfFile } from "../../../format/entries/segment.ts";
import { dataRegions } from "../../../system/files/files.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";
import { LeftOut } from "./left-out.ts";

export type Region = readonly [offset: number, length: number];

/** Smaller files are asked for holes only if they take less space than their size. */
const worthAsking = 64 * 1024;
/** In a file with very many holes, those within a block of so many bytes are read as zeros. */
const block = 4_096;
/**
 * Data of which some filesystems do not say that nearly all of it is a hole: a file with more is left out if it takes much less of its
 * disk.
 */
const mostBelieved = { bytes: 4 * 1024 ** 4, timesOfDisk: 16 } as const;

/** Regions of a file: in memory if they are few, else found again each time they are gone through. */
export type Regions = { readonly few: readonly Region[] | undefined; readonly each: () => Iterable<Region> };

/**
 * Finds the regions with data, in order. Blocks that a program reserved and never wrote are holes, too. Throws a LeftOut for a file
 * that would be read almost only as zeros.
 */
export function regionsOf({
  fd,
  stat,
}: {
  readonly fd: number;
  readonly stat: Pick<Stat, "size" | "blocks">;
}): Regions {
  const { size, blocks } = stat;
  if (size === 0) return fewRegions([]);
  const isSparse = blocks * 512 < size;
  if (!isSparse && size < worthAsking) return fewRegions([[0, size]]);
  const few: Region[] = [];
  let length = 0;
  for (const region of dataRegions(fd, size)) {
    if (few.length === mostOfFile.holes) return { few: undefined, each: () => inBlocks(dataRegions(fd, size), size) };
    few.push(region);
    length += region[1];
  }
  if (length > mostBelieved.bytes && length > mostBelieved.timesOfDisk * blocks * 512)
    throw new LeftOut("its filesystem does not say where its holes are: it would be read for days, as zeros");
  return fewRegions(few);
}

function fewRegions(few: readonly Region[]): Regions {
  return { few, each: () => few };
}

/** Widens regions to whole blocks, so that their number is bounded by what they hold. @internal */
export function* inBlocks(regions: Iterable<Region>, size: number): Generator<Region> {
  let start = 0;
  let end = 0;
  for (const [offset, length] of regions) {
    const from = Math.floor(offset / block) * block;
    if (from > end) {
      if (end > start) yield [start, end - start];
      start = from;
    }
    end = Math.max(end, Math.min(size, Math.ceil((offset + length) / block) * block));
  }
  if (end > start) yield [start, end - start];
}

/** Goes along a file's regions as its data is read, and finds the holes before it. */
export class HoleWalk {
  readonly #regions: Region[] = [];
  #next = 0;
  /** Where in the file the data that was passed ends. */
  position = 0;

  /** Registers the next region, before any of its data is passed. */
  region(region: Region): void {
    if (this.#next > 1_000) {
      this.#regions.splice(0, this.#next);
      this.#next = 0;
    }
    this.#regions.push(region);
  }

  /** Passes so many bytes of data. Returns the holes before and in them. */
  pass(length: number): Hole[] {
    const holes: Hole[] = [];
    for (let left = length; left > 0; ) {
      const region = this.#regions[this.#next];
      if (region === undefined) throw new Error("data is passed that lies in no region");
      const [offset, bytes] = region;
      if (offset > this.position) holes.push([this.position, offset - this.position]);
      this.position = Math.max(this.position, offset);
      const step = Math.min(left, offset + bytes - this.position);
      this.position += step;
      left -= step;
      if (this.position === offset + bytes) this.#next += 1;
    }
    return holes;
  }

  /** Returns the hole from where the data ends to the end of the file, if there is one. */
  end(size: number): Hole[] {
    return size > this.position ? [[this.position, size - this.position]] : [];
  }
}
