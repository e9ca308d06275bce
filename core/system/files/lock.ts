/** Locks between processes of this program: the run lock, and that of folders which a restore works in. */
import { constants } from "node:fs";
import type { ByteString } from "../../format/path.ts";
import { fstat } from "../filesystem/stat.ts";
import { AT_FDCWD, cString, lastError, libc, O_CLOEXEC, retried } from "../libc.ts";
import { close } from "./files.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;

export type FileLock = { release(): void };

/**
 * Locks the file at `path`, which is made if it is missing, and closed to other users. Undefined if another process holds
 * the lock. The lock ends with `release` or with this process. The file stays, since removing it would let two processes
 * each lock a file of that name.
 */
export async function lockExclusively(path: ByteString): Promise<FileLock | undefined> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | O_CLOEXEC;
  const fd = retried("open", path, () => libc.openat(AT_FDCWD, cString(path), flags, 0o600));
  try {
    closeToOthers(fd);
    if (tryLock(fd)) return { release: once(() => close(fd)) };
  } catch (error) {
    close(fd);
    throw error;
  }
  close(fd);
  return undefined;
}

/** Locks an open file or folder; false if another process holds it. The lock ends when `fd` is closed. */
export function tryLock(fd: number): boolean {
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const error = lastError("flock");
  if (error.code === "EAGAIN") return false;
  throw error;
}

/** Closes the file to others: older versions left files that others can read, and so lock. */
function closeToOthers(fd: number): void {
  const { type, mode, uid } = fstat(fd);
  if (type === "file" && uid === process.geteuid?.() && (mode & 0o077) !== 0) libc.fchmod(fd, 0o600);
}

/** Makes an action run only once: a descriptor that is closed again could be another file by then. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
