/** A file opened for backup: its read lock and its stat. */
import type { ByteString } from "../../../format/path.ts";
import { readLock, tryReadLock, willNeed } from "../../../system/files.ts";
import { openHandleToRead } from "../../../system/handle.ts";
import { fstat, type Stat } from "../../../system/stat.ts";

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
