/** A file opened for backup: its read lock, its stat, and the regions that have data. */
import type { Hole } from "../../../format/entry.ts";
import type { ByteString } from "../../../format/path.ts";
import { close, dataRegions, tryReadLock, willNeed } from "../../../system/files.ts";
import { openHandleToRead } from "../../../system/handle.ts";
import { isSystemError } from "../../../system/libc.ts";
import type { Stat } from "../../../system/stat.ts";

export type Region = readonly [offset: number, length: number];

export type OpenFile = {
  readonly path: ByteString;
  readonly fd: number;
  /** Stat at the time of opening, under the lock. */
  readonly stat: Stat;
  /** False if another program held an exclusive lock for as long as there was time to wait. */
  readonly locked: boolean;
};

/** Size up to which the kernel is asked to read a file ahead. It reads ahead by itself in larger ones. */
const aheadSize = 4 * 1024 * 1024;

/** A regular file on its way to be read. */
export type FileAhead = {
  readonly path: ByteString;
  /** Stat at the time of opening. */
  readonly stat: Stat;
  /** Holds the file; can be read if `isOpen`. */
  fd: number;
  isOpen: boolean;
};

/**
 * Opens a regular file, and asks the kernel to start reading. Takes over the handle, unless it throws: close `fd` later. A file for which another program
 * has a lease for writing, as file servers do, is held only: the kernel asks that program to give it up.
 */
export function openAhead(path: ByteString, handle: number, stat: Stat): FileAhead {
  const file = { path, stat, fd: handle, isOpen: false };
  if (opened(file) && stat.size > 0 && stat.size <= aheadSize) willNeed(file.fd);
  return file;
}

/** Takes the read lock, without waiting. */
export function tryToLock(file: FileAhead): boolean {
  return opened(file) && tryReadLock(file.fd);
}

function opened(file: FileAhead): boolean {
  if (file.isOpen) return true;
  try {
    const fd = openHandleToRead(file.fd);
    close(file.fd);
    file.fd = fd;
    file.isOpen = true;
  } catch (error) {
    if (!isSystemError(error, "EAGAIN")) throw error;
  }
  return file.isOpen;
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
