/**
 * Large files that a killed restore has left unfinished: the next one goes on inside them. They lie in folders that nobody else
 * can enter, so nobody else has written to one or holds it open. What one holds counts only by its digests.
 */
import type { FileEntry } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";
import { createFile, openFileToWrite, remove } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { tryLock } from "../../core/system/files/lock.ts";
import { fstat } from "../../core/system/filesystem/stat.ts";
import { isSystemError } from "../../core/system/libc.ts";
import { readXattrs } from "../../core/system/metadata/xattr.ts";
import { unlessRefused } from "../target/refused.ts";
import { largeFileName } from "../target/temporary.ts";
import { ourselves } from "../target/unfinished.ts";

/** Bytes from which on a file is worth going on with. */
const large = 16 * 1024 * 1024;

export type UnfinishedFile = { readonly fd: number; readonly temporary: ByteString };

export function isLarge({ size, extents, continued }: FileEntry): boolean {
  return size >= large && (extents.length > 1 || continued !== undefined);
}

/** Makes the file under the name by which it is found again; undefined if another restore has it just now. */
export function createLarge(place: number, entry: FileEntry): UnfinishedFile | undefined {
  const temporary = largeFileName(entry);
  try {
    return locked({ fd: createFile(place, temporary), temporary });
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return undefined;
    throw error;
  }
}

/** Opens the file that a killed restore has left. One that is not as `createLarge` makes it is removed. */
export function openLarge(place: number, entry: FileEntry): UnfinishedFile | undefined {
  const temporary = largeFileName(entry);
  let fd: number;
  try {
    fd = openFileToWrite(place, temporary);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
  const file = locked({ fd, temporary });
  if (file === undefined || isUntouched(fd)) return file;
  close(fd);
  unlessRefused(() => remove(place, temporary));
  return undefined;
}

function locked(file: UnfinishedFile): UnfinishedFile | undefined {
  if (tryLock(file.fd)) return file;
  close(file.fd);
  return undefined;
}

/** Returns whether it has got no metadata yet: with its owner, its owner may have got it, too. */
function isUntouched(fd: number): boolean {
  const { type, uid, mode, links } = fstat(fd);
  const { acl, xattrs } = readXattrs(fd);
  const isPlain = acl === undefined && [...xattrs.keys()].every((name) => name === "security.selinux");
  return type === "file" && uid === ourselves && mode === 0o600 && links === 1 && isPlain;
}
