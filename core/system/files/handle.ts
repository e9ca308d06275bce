/**
 * A file of any type, held by a descriptor that opens nothing (O_PATH). It stays the same file whatever happens to its
 * name, so everything that is read through it belongs together. A fifo or device that is held is not set going; a link
 * that is held is the link itself.
 *
 * Close with `close` of `files.ts`; look at with `fstat`. What is not a plain look goes through `/proc/self/fd`, without
 * which Bun itself does not run.
 */
import { constants } from "node:fs";
import type { ByteString } from "../../format/path.ts";
import { readLinkAt } from "../filesystem/stat.ts";
import { cString, isSystemError, libc, O_CLOEXEC, O_PATH, retried, throwUnlessInterrupted } from "../libc.ts";
import { openRoot } from "./confined.ts";
import { close } from "./files.ts";

/** Holds what `name` is in a folder. `name` is one component, or `.` for the folder itself. */
export function openHandle(folder: number, name: ByteString): number {
  const flags = O_PATH | constants.O_NOFOLLOW | O_CLOEXEC;
  for (;;) {
    const handle = libc.openat(folder, cString(name), flags, 0);
    if (handle >= 0) return handle;
    throwUnlessInterrupted("open", name);
  }
}

const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC;

/**
 * Opens the regular file that is held, for reading. The access time stays as it is if the kernel allows that. Never
 * call it for anything but a regular file: a fifo or a device would be set going.
 */
export function openHandleToRead(handle: number): number {
  try {
    return reopen(handle, readFlags | constants.O_NOATIME);
  } catch (error) {
    // Only the owner and root may read without a trace.
    if (isSystemError(error, "EPERM")) return reopen(handle, readFlags);
    throw error;
  }
}

/** The kernel's links to what is held, as a folder; opened when it is first used, and kept: a path takes longer. */
let links: number | undefined;

/** Closes what this module keeps open. Call at the end of a thread: descriptors outlive it. */
export function closeLinks(): void {
  if (links !== undefined) close(links);
  links = undefined;
}

/** The link is the kernel's own and leads to the very file that is held. */
function reopen(handle: number, flags: number): number {
  links ??= openRoot("/proc/self/fd" as ByteString, "pass");
  const folder = links;
  return retried("open", undefined, () => libc.openat(folder, cString(`${handle}` as ByteString), flags, 0));
}

/** Returns where the link that is held points. */
export function readLinkOf(handle: number): ByteString {
  return readLinkAt(handle, "" as ByteString);
}

/** The file that is held, as a path for calls that take no descriptor, or none of this kind. */
export function pathOfHandle(handle: number): ByteString {
  return `/proc/self/fd/${handle}` as ByteString;
}
