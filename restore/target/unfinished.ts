/**
 * The mark of folders that a restore has made and not finished: our own, with a mode that no folder has otherwise. Nobody
 * else can enter them. A restore that goes on after a kill recognises them. Their group is already the final one, so that a
 * user who renames such a folder cannot get another one's.
 *
 * One that lies where others can rename it has a label, which only root can write: the path that it was made for.
 */
import { type ByteString, toBytes } from "../../core/format/path.ts";
import { sha256 } from "../../core/format/sha256.ts";
import { makeFolder, remove, removeFolder } from "../../core/system/files/beneath.ts";
import { openFolder } from "../../core/system/files/confined.ts";
import { namesIn } from "../../core/system/files/names.ts";
import type { Stat } from "../../core/system/filesystem/stat.ts";
import { isSystemError } from "../../core/system/libc.ts";
import { setMode } from "../../core/system/metadata/metadata.ts";
import { accessAcl, defaultAcl, readXattrs, removeXattr, writeXattr } from "../../core/system/metadata/xattr.ts";
import { unlessRefused } from "./refused.ts";
import { isLargeFile, isTemporary } from "./temporary.ts";

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

const label = "trusted.sysbackup.unfinished" as ByteString;

/** Labels a folder with the mark, if the filesystem and our rights allow that; it goes with the folder's own metadata. */
export function labelUnfinished(folder: number, path: ByteString): void {
  unlessRefused(() => writeXattr(folder, label, Buffer.from(sha256(toBytes(path)))));
}

/** Returns whether an earlier restore has made this folder for the path. */
export function wasMadeFor(folder: number, path: ByteString): boolean {
  return Buffer.from(readXattrs(folder).xattrs.get(label) ?? []).toString() === sha256(toBytes(path));
}

export function removeLabel(folder: number): void {
  unlessRefused(() => removeXattr(folder, label));
}

/** Removes what a restore that was killed was making in a folder with the mark, but for large files. Returns whether there are any. */
export function removeSmallTemporaries(folder: number): boolean {
  const names = namesIn(folder).filter(isTemporary).toArray();
  const small = names.filter((name) => !isLargeFile(name));
  removeAll(folder, small);
  return small.length < names.length;
}

/** Removes all that a restore that was killed was making in a folder with the mark. */
export function removeTemporaries(folder: number): void {
  removeAll(folder, namesIn(folder).filter(isTemporary).toArray());
}

function removeAll(folder: number, names: readonly ByteString[]): void {
  for (const name of names) {
    try {
      remove(folder, name);
    } catch (error) {
      if (!isSystemError(error, "EISDIR")) throw error;
      removeFolder(folder, name);
    }
  }
}
