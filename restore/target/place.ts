/**
 * Puts a finished file, link, node or folder in its place by rename, so that it appears whole or not at all. It was made
 * in the workplace of its folder, under a name that nobody can guess.
 */
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { remove, removeFolder, rename } from "../../core/system/files/beneath.ts";
import { isSystemError } from "../../core/system/libc.ts";
import { Obstacle } from "./obstacle.ts";
import { unlessRefused } from "./refused.ts";
import type { Target } from "./target.ts";

/**
 * Replaces anything but a folder, and an empty folder. Throws an Obstacle for other folders. Removes the temporary one
 * after an error.
 */
export function putInPlace(target: Target, temporary: ByteString, path: ByteString): void {
  const from = target.workplace(parentOf(path));
  try {
    renameOverFolder(from, temporary, target.folder(parentOf(path)).fd, baseName(path));
  } catch (error) {
    unlessRefused(() => remove(from, temporary));
    throw error;
  }
}

function renameOverFolder(from: number, temporary: ByteString, folder: number, name: ByteString): void {
  try {
    rename(from, temporary, folder, name);
  } catch (error) {
    if (!isSystemError(error, "EISDIR")) throw error;
    removeEmptyFolder(folder, name);
    rename(from, temporary, folder, name);
  }
}

function removeEmptyFolder(folder: number, name: ByteString): void {
  try {
    removeFolder(folder, name);
  } catch (error) {
    if (!isSystemError(error, "ENOTEMPTY", "EEXIST")) throw error;
    const why = "a folder that is not empty is in its place";
    throw new Obstacle({ code: "in-the-way", why, remedy: "move that folder away and run again" }, error);
  }
}
