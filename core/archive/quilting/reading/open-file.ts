/** A file opened for backup: its read lock, its stat, and the regions that have data. */
import type { Hole } from "../../../format/entry.ts";
import type { ByteString } from "../../../format/path.ts";
import { dataRegions, readLock, tryReadLock, willNeed } from "../../../system/files.ts";
import { openHandleToRead } from "../../../system/handle.ts";
import { fstat, type Stat } from "../../../system/stat.ts";

export type Region = readonly [offset: number, length: number];

export type OpenFile = {
  readonly path: ByteString;
  readonly fd: number;
  /** Stat at the time of opening. */
  readonly stat: Stat;
  /** False if another program held an exclusive lock longer than the lock timeout. */
  readonly locked: boolean;
};

/** Size up to which the kernel is asked to read a file ahead. It reads ahead by itself in larger ones. */
const aheadSize = 4 * 1024 * 1024;

/** Opens a regular file that is held, and asks the kernel to start reading. */
export function openAhead(handle: number, { size }: Stat): number {
  const fd = openHandleToRead(handle);
  if (size > 0 && size <= aheadSize) willNeed(fd);
  return fd;
}

/** Waits for the read lock up to the timeout; the file is read without it, too. The stat is taken under the lock. */
export async function acquireReadLock(
  path: ByteString,
  fd: number,
  timeout: number,
  sleep: (ms: number) => Promise<void>,
): Promise<OpenFile> {
  const locked = tryReadLock(fd) || (await readLock(fd, timeout, sleep));
  return { path, fd, stat: fstat(fd), locked };
}

/** Returns the regions with data: all of the file, unless it is sparse. With more than `most` regions, the smallest holes do not count. */
export function regionsOf({ fd, stat }: OpenFile, most: number): readonly Region[] {
  if (stat.size === 0) return [];
  return stat.blocks * 512 < stat.size ? fewRegions(dataRegions(fd, stat.size), most) : [[0, stat.size]];
}

const smallestHole = 4_096;

/**
 * Joins regions over the holes between them, which are then read as zeros, if there are more than `most`: over the smallest
 * holes first, by powers of two.
 * @internal
 */
export function fewRegions(regions: Iterable<Region>, most: number): readonly Region[] {
  let kept: Region[] = [];
  for (const region of regions) {
    kept.push(region);
    if (kept.length <= most) continue;
    // To half of them, so that each is looked at few times.
    for (let hole = smallestHole; kept.length > most / 2; hole *= 2) kept = joined(kept, hole, kept.length - most / 2);
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

/** Returns whether content and metadata are the same in two looks. */
export function sameFile(before: Stat, after: Stat): boolean {
  return (
    before.inode === after.inode &&
    before.size === after.size &&
    sameMoment(before.modified, after.modified) &&
    sameMoment(before.changed, after.changed)
  );
}

function sameMoment(a: Stat["modified"], b: Stat["modified"]): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds;
}
