/** Regions of data of a file, as few as one entry of a table of contents can have: short holes are stored as zeros if there are too many. */
import type { Hole } from "../../format/entries/entry.ts";
import { LeftOut } from "../quilting/reading/left-out.ts";
import type { OpenFile } from "../quilting/reading/open-file.ts";
import { type Region, regionsOf } from "../quilting/reading/regions.ts";

/** Each gives an extent and a hole, some 110 bytes of a line that may have 16 MiB. */
const mostRegions = 65_536;
const smallestHole = 4_096;
/** A file is left out if its regions, joined over holes, are so many times what it takes of its disk. */
const mostZeros = 16;

/** Throws a LeftOut if that would be to read almost only holes. */
export function fewRegionsOf(file: Pick<OpenFile, "fd" | "stat">): readonly Region[] {
  const { few, each } = regionsOf(file);
  if (few !== undefined && few.length <= mostRegions) return few;
  return joinedTo(mostRegions, each(), file.stat.blocks * 512);
}

/**
 * Joins regions over the holes between them if there are more than `most`: over the smallest holes first, by powers of two. `stored`
 * is how many bytes the file takes of its disk. @internal
 */
export function joinedTo(most: number, regions: Iterable<Region>, stored: number): readonly Region[] {
  let kept: Region[] = [];
  for (const region of regions) {
    kept.push(region);
    if (kept.length <= most) continue;
    // To half of them, so that each is looked at few times.
    for (let hole = smallestHole; kept.length > most / 2; hole *= 2) kept = joined(kept, hole, kept.length - most / 2);
    const length = kept.reduce((sum, [, bytes]) => sum + bytes, 0);
    if (length > mostZeros * stored)
      throw new LeftOut("it has more holes than a bundle can tell apart; copy it without them (cp --sparse=never)");
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
