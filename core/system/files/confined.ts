/**
 * Opening a folder by its path, beneath another folder and through no link, magic or other, even while someone swaps
 * folders for links: the kernel confines it. Restores write and archives read through such descriptors.
 *
 * Every failure is a `SystemError`. Descriptors close with `close` of `files.ts`.
 */
import { constants } from "node:fs";
import { constants as osConstants } from "node:os";
import type { ByteString } from "../../format/path.ts";
import { lstatAt } from "../filesystem/stat.ts";
import {
  AT_FDCWD,
  cString,
  fixedBuffer,
  isSystemError,
  libc,
  longestPath,
  O_CLOEXEC,
  O_PATH,
  retried,
  systemError,
} from "../libc.ts";
import { close } from "./files.ts";
import { plainName } from "./name.ts";

/** `list`: to read and write in it. `pass`: only to reach what lies in it, which needs no right to list it. */
export type FolderUse = "list" | "pass";

const flagsFor: Readonly<Record<FolderUse, number>> = {
  list: constants.O_RDONLY | constants.O_DIRECTORY | O_CLOEXEC,
  pass: O_PATH | constants.O_DIRECTORY | O_CLOEXEC,
};

/** Opens the folder at a path that is trusted: links in it are followed. */
export function openRoot(path: ByteString, use: FolderUse = "list"): number {
  return retried("open", path, () => libc.openat(AT_FDCWD, cString(path), flagsFor[use], 0));
}

/**
 * Opens a folder beneath `root`, by a relative path of plain names; empty for the root itself. Of any length. A link on
 * the way is refused as ELOOP, a path that is not plain as EINVAL.
 */
export function openFolder(root: number, path: ByteString, use: FolderUse = "list"): number {
  if (path !== "" && !path.includes("/")) return openConfined(root, plainName(path), use);
  const [first = "." as ByteString, ...rest] = pieces(path);
  let folder = openConfined(root, first, use);
  for (const piece of rest) {
    const parent = folder;
    folder = closing(parent, () => openConfined(parent, piece, use));
  }
  return folder;
}

/**
 * Opens what lies in a folder, if it is a folder on the same mount, to read and write in it. Returns undefined if another filesystem is
 * mounted there, or may be: nothing is asked of that one.
 */
export function openOnSameMount(folder: number, name: ByteString): number | undefined {
  if (!kernelConfines) return undefined;
  const { address } = howOnSameMount;
  const path = plainName(name);
  try {
    return retried("openat2", path, () => libc.syscall(OPENAT2, folder, cString(path), address, HOW_SIZE));
  } catch (error) {
    if (isSystemError(error, "EXDEV", "ENOSYS", "EPERM")) return undefined;
    throw error;
  }
}

/** Runs `action`, then closes `fd`, whether it worked or not. */
function closing<Result>(fd: number, action: () => Result): Result {
  try {
    return action();
  } finally {
    close(fd);
  }
}

/** Cuts the path at slashes into paths that one call takes. */
function pieces(path: ByteString): ByteString[] {
  if (path === "") return [];
  const whole: ByteString[] = [];
  let piece = "";
  for (const name of path.split("/")) {
    plainName(name as ByteString);
    if (piece !== "" && piece.length + 1 + name.length >= longestPath) {
      whole.push(piece as ByteString);
      piece = "";
    }
    piece = piece === "" ? name : `${piece}/${name}`;
  }
  whole.push(piece as ByteString);
  return whole;
}

const OPENAT2 = 437;
const RESOLVE_NO_XDEV = 0x01n;
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_NO_SYMLINKS = 0x04n;
const RESOLVE_BENEATH = 0x08n;
const HOW_SIZE = 24;

/** `struct open_how`: flags, mode, resolve. */
function openHow(flags: number, resolve = 0n) {
  const how = fixedBuffer(HOW_SIZE);
  how.bytes.writeBigUInt64LE(BigInt(flags), 0);
  how.bytes.writeBigUInt64LE(resolve | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS, 16);
  return how;
}

const howFor = { list: openHow(flagsFor.list), pass: openHow(flagsFor.pass) };
const howOnSameMount = openHow(flagsFor.list, RESOLVE_NO_XDEV);

let kernelConfines = true;

function openConfined(folder: number, path: ByteString, use: FolderUse): number {
  if (!kernelConfines) return openByStep(folder, path, use);
  const { address } = howFor[use];
  try {
    return retried("openat2", path, () => libc.syscall(OPENAT2, folder, cString(path), address, HOW_SIZE));
  } catch (error) {
    // Linux before 5.6 has no openat2, and older container runtimes answer EPERM for calls they do not know.
    if (!isSystemError(error, "ENOSYS", "EPERM")) throw error;
    const opened = openByStep(folder, path, use);
    kernelConfines = false;
    return opened;
  }
}

/**
 * Does what `openat2` does, for kernels without it: one name at a time, none of them a link.
 * @internal
 */
export function openByStep(start: number, path: ByteString, use: FolderUse = "list"): number {
  let folder = start;
  for (const name of path.split("/") as ByteString[]) {
    const parent = folder;
    folder = parent === start ? openStep(parent, name, use) : closing(parent, () => openStep(parent, name, use));
  }
  return folder;
}

function openStep(parent: number, name: ByteString, use: FolderUse): number {
  try {
    const flags = flagsFor[use] | constants.O_NOFOLLOW;
    return retried("openat", name, () => libc.openat(parent, cString(name), flags, 0));
  } catch (error) {
    // For a link Linux says "not a folder" here, and openat2 says ELOOP: the same to our callers.
    if (isSystemError(error, "ENOTDIR") && lstatAt(parent, name)?.type === "link") {
      throw systemError(osConstants.errno.ELOOP, "openat", name);
    }
    throw error;
  }
}
