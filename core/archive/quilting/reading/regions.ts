/** Finds the data of a file between its holes, in bounded memory and time whatever the file is. */
import type { Hole } from "../../../format/entry.ts";
import { dataRegions } from "../../../system/files.ts";
import { LeftOut } from "./left-out.ts";
import type { OpenFile } from "./open-file.ts";

export type Region = readonly [offset: number, length: number];

/** Smaller files are asked for holes only if they take less space than their size. */
const worthAsking = 64 * 1024;
const smallestHole = 4_096;
/** A file with too many regions is left out if its regions, joined over holes, are so many times what it takes of its disk. */
const mostZeros = 16;

/**
 * Returns the regions with data, in order. Blocks that a program reserved and never wrote are holes, too. With more than `most` regions,
 * the smallest holes do not count. Throws a LeftOut if that would be to read almost only holes.
 */
export function regionsOf({ fd, stat }: Pick<OpenFile, "fd" | "stat">, most: number): readonly Region[] {
  const { size, blocks } = stat;
  if (size === 0) return [];
  const isSparse = blocks * 512 < size;
  if (!isSparse && size < worthAsking) return [[0, size]];
  return fewRegions(dataRegions(fd, size), most, blocks * 512);
}

/**
 * Joins regions over the holes between them, which are then read as zeros, if there are more than `most`: over the smallest
 * holes first, by powers of two. `stored` is how many bytes the file takes of its disk.
 * @internal
 */
export function fewRegions(regions: Iterable<Region>, most: number, stored: number): readonly Region[] {
  let kept: Region[] = [];
  for (const region of regions) {
    kept.push(region);
    if (kept.length <= most) continue;
    // To half of them, so that each is looked at few times.
    for (let hole = smallestHole; kept.length > most / 2; hole *= 2) kept = joined(kept, hole, kept.length - most / 2);
    const length = kept.reduce((sum, [, bytes]) => sum + bytes, 0);
    if (length > mostZeros * stored)
      throw new LeftOut("it has more holes than a manifest can hold; copy it without them (cp --sparse=never)");
  }
  return kept;
}

/** Joins regions over holes of at most `widest` bytes, `times` times at most. */
function joined(regions: readonly Region[], widest: number, times: number): Region[] {
  const result: Region[] = [];
  let left = times;
  for (const [offset, length] of regions) {
    const last = result.at(-1);
    if (last !== undefined && left > 0 && offset - (last[0] + last[1]) <= widest) {
      result[result.length - 1] = [last[0], offset + length - last[0]];
      left -= 1;
    } else result.push([offset, length]);
  }
  return result;
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
