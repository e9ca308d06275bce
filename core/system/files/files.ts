/** Reads and locks open files. */
import { addressOf, check, fixedBuffer, isSystemError, lastError, libc, throwUnlessInterrupted } from "../libc.ts";

export function close(fd: number): void {
  // Not retried: Linux has closed the descriptor even if it reports EINTR.
  if (libc.close(fd) < 0) throwUnlessInterrupted("close");
}

/** Closes what was not written to. A filesystem whose server has gone says so once more then, which is of no use: the descriptor is closed. */
export function closeRead(fd: number): void {
  try {
    close(fd);
  } catch (error) {
    if (isSystemError(error, "EBADF")) throw error;
  }
}

const F_DUPFD_CLOEXEC = 1030;

/** Returns another descriptor of what is open. Close both. */
export function duplicate(fd: number): number {
  return check(libc.fcntl(fd, F_DUPFD_CLOEXEC, 0), "duplicate");
}

const POSIX_FADV_WILLNEED = 3;

/** Asks the kernel to start reading the whole file. Only a hint: does nothing if it is not supported. */
export function willNeed(fd: number): void {
  libc.posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
}

/** Reads up to `length` bytes into `buffer` from `bufferOffset`. Returns how many; 0 only at the end of the file. */
export function readAt(
  fd: number,
  buffer: Uint8Array,
  bufferOffset: number,
  length: number,
  fileOffset: number,
): number {
  if (bufferOffset < 0 || length < 0 || bufferOffset + length > buffer.byteLength) {
    throw new RangeError("readAt would write outside the buffer");
  }
  const address = addressOf(buffer, bufferOffset);
  for (;;) {
    const read = Number(libc.pread(fd, address, length, fileOffset));
    if (read >= 0) return read;
    throwUnlessInterrupted("read");
  }
}

const oneByte = fixedBuffer(1);

/**
 * Returns whether there is content at an offset, where the size says that there is none: the kernel's own files and some of FUSE
 * have more than their size.
 */
export function hasContentAt(fd: number, offset: number): boolean {
  return libc.pread(fd, oneByte.address, 1, offset) > 0;
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * Yields the data of a file of `size` bytes as `[offset, length]` in order, from `start` on; the rest are holes. On a filesystem
 * that does not report holes, all of it is data.
 */
export function* dataRegions(
  fd: number,
  size: number,
  start = 0,
): Generator<readonly [offset: number, length: number]> {
  let position = start;
  while (position < size) {
    const data = Math.max(position, seek(fd, position, SEEK_DATA, size));
    if (data >= size) return;
    const found = seek(fd, data, SEEK_HOLE, size);
    // A filesystem that answers with no progress says nothing about holes.
    const end = found > data && found < size ? found : size;
    yield [data, end - data];
    position = end;
  }
}

/** Seeks to data or a hole. Returns `size` if there is no more, and the position itself if the filesystem does not know holes. */
function seek(fd: number, position: number, whence: number, size: number): number {
  const found = libc.lseek(fd, position, whence);
  if (found >= 0) return Number(found);
  const error = lastError("lseek");
  if (error.code === "ENXIO") return size;
  if (error.code === "EINVAL" || error.code === "ENOTSUP") return whence === SEEK_DATA ? position : size;
  throw error;
}

const LOCK_SH = 1;
const LOCK_NB = 4;
const LOCK_UN = 8;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;

// `struct flock` of all 64-bit architectures: type and whence (16 bits each), start, length, pid. Length 0 is all.
const wholeFile = fixedBuffer(32);
wholeFile.bytes.writeInt16LE(F_RDLCK, 0);

/**
 * Takes a shared advisory lock of both kinds that programs use (flock and fcntl), without waiting. Returns false if anyone
 * holds one of them exclusively. The lock ends when `fd` is closed. Returns true on a filesystem without locks.
 */
export function tryReadLock(fd: number): boolean {
  if (!obtained(libc.flock(fd, LOCK_SH | LOCK_NB), "flock")) return false;
  if (obtained(libc.fcntl(fd, F_OFD_SETLK, wholeFile.address), "fcntl")) return true;
  // Released, as holding one kind while we wait for the other could block a program that takes both.
  check(libc.flock(fd, LOCK_UN), "flock");
  return false;
}

function obtained(status: number, call: string): boolean {
  if (status >= 0) return true;
  const error = lastError(call);
  if (error.code === "EAGAIN" || error.code === "EACCES") return false;
  if (["ENOTSUP", "ENOSYS", "ENOLCK", "EINVAL"].includes(error.code)) return true;
  throw error;
}
