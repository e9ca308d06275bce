/**
 * The mark of folders that a restore has made and not finished: we own them, and their mode is one that no other folder
 * has. Nobody else can enter them. A restore that continues after a kill recognises them. Their group is the final one
 * already, so a user who renames such a folder cannot get another folder's group.
 */
import type { ByteString } from "../core/format/path.ts";
import { makeFolder, remove, removeFolder } from "../core/system/beneath.ts";
import { openFolder } from "../core/system/confined.ts";
import { isSystemError } from "../core/system/libc.ts";
import { setMode } from "../core/system/metadata.ts";
import { namesIn } from "../core/system/names.ts";
import type { Stat } from "../core/system/stat.ts";
import { accessAcl, defaultAcl, removeXattr } from "../core/system/xattr.ts";
import { isTemporary } from "./temporary.ts";

const unfinishedMode = 0o1700;

/** User of this restore: nobody else can write to folders of this owner with the mark. */
export const ourselves = process.geteuid?.() ?? 0;

export function isUnfinished({ type, uid, mode }: Stat): boolean {
  return type === "folder" && uid === ourselves && mode === unfinishedMode;
}

/** Makes a folder with the mark, and opens it. */
export function makeUnfinished(parent: number, name: ByteString): number {
  makeFolder(parent, name, unfinishedMode);
  return openFolder(parent, name);
}

/** Sets the mark, and removes ACLs, which new files in the folder would inherit. */
export function markUnfinished(folder: number): void {
  setMode(folder, unfinishedMode);
  removeXattr(folder, defaultAcl);
  removeXattr(folder, accessAcl);
}

/** Removes unfinished files and folders that a killed restore has left in a folder with the mark. */
export function removeTemporaries(folder: number): void {
  for (const name of [...namesIn(folder)].filter(isTemporary)) {
    try {
      remove(folder, name);
    } catch (error) {
      if (!isSystemError(error, "EISDIR")) throw error;
      removeFolder(folder, name);
    }
  }
}
