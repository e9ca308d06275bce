/**
 * Owner, mode and times, set on an open file or folder, or on what is held (`handle.ts`): links, fifos and devices, which
 * cannot be opened. Nothing is reached by a name, which somebody may give to another file at any moment.
 *
 * Set the owner before the mode: changing the owner removes setuid and setgid.
 */
import type { Moment } from "../../format/entries/entry.ts";
import type { ByteString } from "../../format/path.ts";
import { pathOfHandle } from "../files/handle.ts";
import { AT_EMPTY_PATH, AT_FDCWD, check, cString, fixedBuffer, libc } from "../libc.ts";

const nothing = "" as ByteString;

export function setOwner(fd: number, uid: number, gid: number): void {
  check(libc.fchown(fd, uid, gid), "chown");
}

export function setOwnerOfHandle(handle: number, uid: number, gid: number): void {
  check(libc.fchownat(handle, cString(nothing), uid, gid, AT_EMPTY_PATH), "chown");
}

/** Sets a mode from 0 to 0o7777. */
export function setMode(fd: number, mode: number): void {
  check(libc.fchmod(fd, mode), "chmod");
}

/** Links have no mode of their own: ENOTSUP. */
export function setModeOfHandle(handle: number, mode: number): void {
  check(libc.fchmodat(AT_FDCWD, cString(pathOfHandle(handle)), mode, 0), "chmod");
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

export function setTimesOfHandle(handle: number, modified: Moment): void {
  check(libc.utimensat(AT_FDCWD, cString(pathOfHandle(handle)), timesFor(modified), 0), "utimens");
}

function timesFor({ seconds, nanoseconds }: Moment) {
  times.bytes.writeBigInt64LE(BigInt(seconds), 16);
  times.bytes.writeBigInt64LE(BigInt(nanoseconds), 24);
  return times.address;
}
