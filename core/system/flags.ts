/** Flags of files and folders that `chattr` sets. The kernel uses the same bits in `statx` and in its ioctls. */
import { check, fixedBuffer, libc } from "./libc.ts";

const flagBits = { immutable: 0x10, appendOnly: 0x20, noDump: 0x40 } as const;
/** All flags that are kept. */
export const keptFlags = flagBits.immutable | flagBits.appendOnly | flagBits.noDump;
/** Flags with which a file can neither be changed nor replaced. */
export const lockingFlags = flagBits.immutable | flagBits.appendOnly;

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;

/** The kernel takes an int, although its constants say a long. */
const word = fixedBuffer(8);

/** Sets the flags of an open file or folder; others than those kept stay as they are. */
export function setFlags(fd: number, flags: number): void {
  check(libc.ioctl(fd, FS_IOC_GETFLAGS, word.address), "get flags");
  word.bytes.writeInt32LE((word.bytes.readInt32LE(0) & ~keptFlags) | (flags & keptFlags), 0);
  check(libc.ioctl(fd, FS_IOC_SETFLAGS, word.address), "set flags");
}
