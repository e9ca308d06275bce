/** Flags of files and folders that `chattr` sets. */
import { flagBits } from "../../format/entries/flags.ts";
import { check, fixedBuffer, libc } from "../libc.ts";

/** All flags that are kept. */
export const keptFlags = flagBits.i | flagBits.a | flagBits.d;
/** Flags with which a file can neither be changed nor replaced. */
export const lockingFlags = flagBits.i | flagBits.a;

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
