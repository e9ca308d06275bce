/** A file opened for backup: its read lock and its stat. */
import { sameMoment } from "../../../format/entries/moment.ts";
import type { ByteString } from "../../../format/path.ts";
import { closeRead, tryReadLock, willNeed } from "../../../system/files/files.ts";
import { openHandleToRead } from "../../../system/files/handle.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";
import { isSystemError } from "../../../system/libc.ts";

export type OpenFile = {
  readonly path: ByteString;
  readonly fd: number;
  /** Stat from before it is read. */
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
 * Opens a regular file, and asks the kernel to start reading. Takes over the handle, unless it throws: close `fd` later. A file for which
 * another program has a lease for writing, as file servers do, is held only: the kernel asks that program to give it up.
 */
export function openAhead(path: ByteString, handle: number, stat: Stat): FileAhead {
  const file = { path, stat, fd: handle, isOpen: false };
  if (opened(file) && stat.size > 0 && stat.size <= aheadSize) willNeed(file.fd);
  return file;
}

/**
 * Opens the regular file that is held once more, locks it, and asks the kernel to start reading. Returns undefined if it cannot be locked
 * at once.
 */
export function openLocked(handle: number, size: number): number | undefined {
  const fd = openHandleToRead(handle);
  let isLocked = false;
  try {
    isLocked = tryReadLock(fd);
    if (isLocked && size > 0 && size <= aheadSize) willNeed(fd);
    return isLocked ? fd : undefined;
  } finally {
    if (!isLocked) closeRead(fd);
  }
}

/** Takes the read lock, without waiting. */
export function tryToLock(file: FileAhead): boolean {
  return opened(file) && tryReadLock(file.fd);
}

function opened(file: FileAhead): boolean {
  if (file.isOpen) return true;
  try {
    const fd = openHandleToRead(file.fd);
    closeRead(file.fd);
    file.fd = fd;
    file.isOpen = true;
  } catch (error) {
    if (!isSystemError(error, "EAGAIN")) throw error;
  }
  return file.isOpen;
}

type Looked = Pick<Stat, "inode" | "size" | "modified" | "changed">;

/** Returns whether content and metadata are the same in two looks. */
export function sameFile(before: Looked, after: Looked): boolean {
  return (
    before.inode === after.inode &&
    before.size === after.size &&
    sameMoment(before.modified, after.modified) &&
    sameMoment(before.changed, after.changed)
  );
}
