/**
 * Sets owner, mode and times of an open file or folder, or by a name in a folder for what cannot be opened (links, fifos,
 * devices). Never follows a final link.
 *
 * Set the owner before the mode: changing the owner removes setuid and setgid.
 */
import { constants } from "node:fs";
import type { Moment } from "../format/entry.ts";
import type { ByteString } from "../format/path.ts";
import { close } from "./files.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  check,
  cString,
  fixedBuffer,
  libc,
  O_CLOEXEC,
  O_PATH,
  retried,
} from "./libc.ts";
import { plainName } from "./name.ts";

export function setOwner(fd: number, uid: number, gid: number): void {
  check(libc.fchown(fd, uid, gid), "chown");
}

export function setOwnerAt(folder: number, name: ByteString, uid: number, gid: number): void {
  check(libc.fchownat(folder, cString(plainName(name)), uid, gid, AT_SYMLINK_NOFOLLOW), "chown", name);
}

/** Sets a mode from 0 to 0o7777. */
export function setMode(fd: number, mode: number): void {
  check(libc.fchmod(fd, mode), "chmod");
}

/**
 * Sets the mode of a fifo or device without opening it, which would start it. ENOTSUP for links, which have no mode of their
 * own. Needs /proc, as Linux before 6.6 has no call that does not follow links.
 */
export function setModeAt(folder: number, name: ByteString, mode: number): void {
  const flags = O_PATH | constants.O_NOFOLLOW | O_CLOEXEC;
  const node = retried("chmod", name, () => libc.openat(folder, cString(plainName(name)), flags, 0));
  try {
    const path = `/proc/self/fd/${node}` as ByteString;
    check(libc.fchmodat(AT_FDCWD, cString(path), mode, 0), "chmod", name);
  } finally {
    close(node);
  }
}

const UTIME_OMIT = 0x3ffffffe;

// Two `struct timespec`: access time and modification time.
const times = fixedBuffer(32);
times.bytes.writeUInt32LE(UTIME_OMIT, 8);

/**
 * Sets the modification time, to the nanosecond, also before 1970. Keeps the access time of the restore, which is the truth;
 * with an old one, a file in /tmp would be cleaned up at once.
 */
export function setTimes(fd: number, modified: Moment): void {
  check(libc.futimens(fd, timesFor(modified)), "utimens");
}

export function setTimesAt(folder: number, name: ByteString, modified: Moment): void {
  check(libc.utimensat(folder, cString(plainName(name)), timesFor(modified), AT_SYMLINK_NOFOLLOW), "utimens", name);
}

function timesFor({ seconds, nanoseconds }: Moment) {
  times.bytes.writeBigInt64LE(BigInt(seconds), 16);
  times.bytes.writeBigInt64LE(BigInt(nanoseconds), 24);
  return times.address;
}
