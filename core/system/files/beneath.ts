/**
 * Makes files in a folder, for restores. Names come from a manifest and are not trusted: every function takes the
 * descriptor of a folder (`confined.ts` opens it) and a *name*: one component. `.`, `..` and others are refused as EINVAL.
 * A final link is never followed.
 *
 * Every failure is a `SystemError`. Descriptors close with `close` of `files.ts`.
 */
import { constants } from "node:fs";
import { constants as osConstants } from "node:os";
import type { ByteString } from "../../format/path.ts";
import {
  AT_FDCWD,
  AT_SYMLINK_FOLLOW,
  addressOf,
  check,
  cString,
  lastError,
  libc,
  O_CLOEXEC,
  retried,
  secondCString,
  systemError,
} from "../libc.ts";
import { pathOfHandle } from "./handle.ts";
import { plainName } from "./name.ts";

/** Makes a folder. The umask applies to `mode`: set it again afterwards. */
export function makeFolder(folder: number, name: ByteString, mode: number): void {
  check(libc.mkdirat(folder, cString(plainName(name)), mode), "mkdir", name);
}

/** Creates a file, open for reading and writing, with mode 0600. EEXIST if anything has that name, even a broken link. */
export function createFile(folder: number, name: ByteString): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | O_CLOEXEC;
  plainName(name);
  return retried("create", name, () => libc.openat(folder, cString(name), flags, 0o600));
}

/** Opens a file for reading and writing. Refuses a link as ELOOP. */
export function openFileToWrite(folder: number, name: ByteString): number {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
  plainName(name);
  return retried("open", name, () => libc.openat(folder, cString(name), flags, 0));
}

/** Opens a file for reading. Refuses a link as ELOOP; does not wait for a fifo. */
export function openFileAt(folder: number, name: ByteString): number {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC;
  plainName(name);
  return retried("open", name, () => libc.openat(folder, cString(name), flags, 0));
}

/** Writes all of `bytes` at `position`. */
export function writeAt(fd: number, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += retried("write", undefined, () =>
      libc.pwrite(fd, addressOf(bytes, done), bytes.length - done, position + done),
    );
  }
}

/** Cuts or extends (by a hole) to `size` bytes. */
export function truncate(fd: number, size: number): void {
  retried("truncate", undefined, () => libc.ftruncate(fd, size));
}

/** Makes a link. `target` is stored unchecked: it matters only to those who follow it. */
export function makeLink(folder: number, name: ByteString, target: ByteString): void {
  check(libc.symlinkat(secondCString(target), folder, cString(plainName(name))), "symlink", name);
}

/** Gives what is held (`handle.ts`) one more name: the link itself if it is one. */
export function makeHardLink(handle: number, folder: number, name: ByteString): void {
  const path = cString(pathOfHandle(handle));
  check(libc.linkat(AT_FDCWD, path, folder, secondCString(plainName(name)), AT_SYMLINK_FOLLOW), "link", name);
}

export type NodeType = "fifo" | "character device" | "block device";

const nodeTypes: Readonly<Record<NodeType, number>> = {
  fifo: constants.S_IFIFO,
  "character device": constants.S_IFCHR,
  "block device": constants.S_IFBLK,
};

/** Number of the system call: glibc before 2.33 does not export mknodat. */
const MKNODAT = process.arch === "arm64" ? 33 : 259;

/** Makes a fifo or device node with mode 0600. `major` and `minor` are ignored for a fifo. */
export function makeNode(folder: number, name: ByteString, type: NodeType, major: number, minor: number): void {
  const device = type === "fifo" ? 0 : deviceNumber(major, minor, name);
  const path = cString(plainName(name));
  if (libc.syscall(MKNODAT, folder, path, nodeTypes[type] | 0o600, device) < 0) throw lastError("mknod", name);
}

/** Packs a device number as the kernel does: 12 bits of major, and 20 of minor of which the low 8 are apart. */
function deviceNumber(major: number, minor: number, name: ByteString): number {
  const fits = isBelow(major, 2 ** 12) && isBelow(minor, 2 ** 20);
  if (!fits) throw systemError(osConstants.errno.EINVAL, "mknod", name);
  return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

function isBelow(number: number, limit: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < limit;
}

/** Replaces what has the new name (but a folder only by a folder, when empty). */
export function rename(fromFolder: number, from: ByteString, toFolder: number, to: ByteString): void {
  const status = libc.renameat(fromFolder, cString(plainName(from)), toFolder, secondCString(plainName(to)));
  check(status, "rename", to);
}

/** Removes anything but a folder; of a link, the link itself. */
export function remove(folder: number, name: ByteString): void {
  check(libc.unlinkat(folder, cString(plainName(name)), 0), "remove", name);
}

const AT_REMOVEDIR = 0x200;

/** Removes an empty folder. */
export function removeFolder(folder: number, name: ByteString): void {
  check(libc.unlinkat(folder, cString(plainName(name)), AT_REMOVEDIR), "remove folder", name);
}
