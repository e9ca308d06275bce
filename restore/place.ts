/**
 * Putting a thing in its place by rename, so that it appears whole or not at all: it is made beside its place under a
 * name that only this path has, and a leftover of a restore that was killed is made anew.
 */
import { type ByteString, baseName } from "../core/format/path.ts";
import { remove, removeFolder, rename } from "../core/system/beneath.ts";
import { isSystemError } from "../core/system/libc.ts";

/** Names no file of a user; the digits come from the whole path, so no two paths in a folder share them. */
export function temporaryName(path: ByteString): ByteString {
  return `.sysbackup-${Bun.hash.xxHash64(path).toString(16).padStart(16, "0")}` as ByteString;
}

/** Runs `make`, again without what has the name where that is taken. */
export function madeAnew<Made>(folder: number, temporary: ByteString, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (!isSystemError(error, "EEXIST")) throw error;
    remove(folder, temporary);
    return make();
  }
}

/** A folder with something in it lies where something else should be. */
export class FolderInTheWay extends Error {
  override readonly name = "FolderInTheWay";
}

/**
 * Replaces what is there: anything but a folder, and an empty folder too. Otherwise a `FolderInTheWay`. The temporary
 * thing is gone after an error.
 */
export function putInPlace(folder: number, temporary: ByteString, path: ByteString): void {
  const name = baseName(path);
  try {
    renameOverFolder(folder, temporary, name);
  } catch (error) {
    removeIfThere(folder, temporary);
    throw error;
  }
}

function renameOverFolder(folder: number, temporary: ByteString, name: ByteString): void {
  try {
    rename(folder, temporary, name);
  } catch (error) {
    if (!isSystemError(error, "EISDIR")) throw error;
    removeEmptyFolder(folder, name);
    rename(folder, temporary, name);
  }
}

function removeEmptyFolder(folder: number, name: ByteString): void {
  try {
    removeFolder(folder, name);
  } catch (error) {
    if (isSystemError(error, "ENOTEMPTY", "EEXIST"))
      throw new FolderInTheWay("a folder that is not empty is in its place");
    throw error;
  }
}

export function removeIfThere(folder: number, name: ByteString): void {
  try {
    remove(folder, name);
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw error;
  }
}
