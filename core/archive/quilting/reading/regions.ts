/** Finds the data of a file between its holes, in bounded memory and time whatever the file is. */
import type { Hole } from "../../../format/entry.ts";
import { dataRegions } from "../../../system/files.ts";
import type { Stat } from "../../../system/stat.ts";
import { LeftOut } from "./left-out.ts";
import type { OpenFile } from "./open-file.ts";

export type Region = readonly [offset: number, length: number];

/** Smaller files are asked for holes only if they take less space than their size. */
const worthAsking = 64 * 1024;
/** Attempts one after the other: holes shorter than `least` bytes count as data, if there are too many regions otherwise. */
const attempts = [
  { least: 0, most: 65_536 },
  { least: 64 * 1024, most: 65_536 },
  { least: 1024 * 1024, most: 1_000_000 },
] as const;
/** Bound on the regions that are looked at in one attempt: some seconds. */
const mostLooks = 4_000_000;
/** If a file has even more regions, its holes are read if they are at most so much of it: as zeros, which take no space in the bucket. */
const mostHoles = 15 / 16;

/**
 * Returns the regions with data, in order. Blocks that a program reserved and never wrote are holes, too. Throws a LeftOut for a
 * file of more regions than a manifest can hold.
 */
export function regionsOf({ fd, stat }: Pick<OpenFile, "fd" | "stat">): readonly Region[] {
  const { size, blocks } = stat;
  if (size === 0) return [];
  const isSparse = blocks * 512 < size;
  if (!isSparse && size < worthAsking) return [[0, size]];
  return boundedRegions(stat, () => dataRegions(fd, size));
}

/**
 * Returns the regions that `data` yields, or fewer and longer ones.
 * @internal
 */
export function boundedRegions(
  { size, blocks }: Pick<Stat, "size" | "blocks">,
  data: () => Iterable<Region>,
): Region[] {
  for (const bounds of attempts) {
    const regions = within(bounds, data());
    if (regions !== undefined) return regions;
  }
  if (blocks * 512 >= size * (1 - mostHoles)) return [[0, size]];
  throw new LeftOut("it has more holes than a manifest can hold; copy it without them (cp --sparse=never)");
}

/** Returns the regions, those with less than `least` bytes between them as one; undefined if there are too many. */
function within({ least, most }: (typeof attempts)[number], regions: Iterable<Region>): Region[] | undefined {
  const found: { readonly offset: number; end: number }[] = [];
  let looks = 0;
  for (const [offset, length] of regions) {
    looks += 1;
    const last = found.at(-1);
    if (last !== undefined && offset - last.end < least) last.end = offset + length;
    else if (found.length === most) return undefined;
    else found.push({ offset, end: offset + length });
    if (looks > mostLooks) return undefined;
  }
  return found.map(({ offset, end }) => [offset, end - offset]);
}

/** Returns the gaps between regions in a file of `size` bytes. */
export function holesBetween(regions: readonly Region[], size: number): Hole[] {
  const holes: Hole[] = [];
  let end = 0;
  for (const [offset, length] of regions) {
    if (offset > end) holes.push([end, offset - end]);
    end = offset + length;
  }
  if (size > end) holes.push([end, size - end]);
  return holes;
}
