/**
 * The folders above the current path, each the very folder whose entry is in this backup.
 *
 * Paths come in byte order. Each is reached from the folder that was recorded for its parent, never by its whole path. So
 * nothing is stored under a path that leads somewhere else by now. If another folder or a link has replaced a folder,
 * the paths in it are left out.
 */

import type { Moment } from "../../../format/entries/entry.ts";
import { sameMoment } from "../../../format/entries/moment.ts";
import { type ByteString, baseName, parentOf } from "../../../format/path.ts";
import { closeRead } from "../../../system/files/files.ts";
import { openHandle } from "../../../system/files/handle.ts";
import { OpenFolders } from "../../../system/files/open-folders.ts";
import { filesystemKind } from "../../../system/filesystem/filesystems.ts";
import { refuseStrangers } from "../../../system/filesystem/mounts.ts";
import { fstat, type Stat } from "../../../system/filesystem/stat.ts";
import { isSystemError } from "../../../system/libc.ts";
import type { OwnFiles } from "./own-files.ts";

type Recorded = {
  readonly path: ByteString;
  readonly device: number;
  readonly inode: bigint;
  /** Tells it from a later folder with the same inode. */
  readonly born: Moment;
  /** Another filesystem appears in its place as soon as somebody looks into it. */
  readonly automount: boolean;
};

/** A path that other paths lie in, but that is not in the backup. */
type Missing = { readonly path: ByteString; readonly error: unknown };

/** Error for a folder that was replaced after paths in it were picked. */
export class FolderChanged extends Error {
  constructor() {
    super("the folder that it lies in became something else after it was picked");
  }
}

const root = "/" as ByteString;

export class FolderStack implements Disposable {
  readonly #folders = new OpenFolders((path, fd) => this.#checkSame(path, fd));
  readonly #own: OwnFiles;
  /**
   * Folders that later paths may lie in. Each is a beginning of the current path, so there are never more than the steps of
   * a path.
   */
  readonly #above: (Recorded | Missing)[] = [];
  /** Folder of the last call of `reach`; it is kept while paths in it come. */
  #latest = root;

  constructor(own: OwnFiles) {
    this.#own = own;
  }

  /**
   * Returns the descriptor from which `nameOf(path)` reaches `path`, valid until the next call. Throws `FolderChanged`, or
   * the error for which the folder was left out.
   */
  reach(path: ByteString): number {
    if (path === root) return this.#folders.at(root);
    if (isIn(path, this.#latest)) return this.#open(this.#latest);
    this.#leave(path);
    const parent = parentOf(path);
    const found = this.#find(parent);
    if (found === undefined) throw new FolderChanged();
    if ("error" in found) throw found.error;
    const fd = this.#open(parent);
    this.#latest = parent;
    return fd;
  }

  /**
   * Registers what is about to be recorded, as it was seen from the descriptor of `reach`. Throws a
   * `UsersFilesystem` or an `OwnPath` for what must not be recorded.
   */
  see(path: ByteString, stat: Stat): void {
    const { type, device } = stat;
    this.#own.refuse(path, stat);
    const begins = this.#beginsFilesystem(path, device);
    if (begins) refuseStrangers(stat);
    if (type !== "folder") return;
    const { inode, born } = stat;
    this.#leave(path);
    this.#above.push({ path, device, inode, born, automount: begins && this.#isAutomount(path) });
  }

  /** Registers why a path is left out. Paths in it are left out too, unless it was entered. */
  miss(path: ByteString, error: unknown): void {
    this.#leave(path);
    if (this.#find(path) === undefined) this.#above.push({ path, error });
  }

  [Symbol.dispose](): void {
    this.#folders[Symbol.dispose]();
  }

  #open(folder: ByteString): number {
    try {
      return this.#folders.at(folder);
    } catch (error) {
      throw isSystemError(error, "ELOOP", "ENOTDIR") ? new FolderChanged() : error;
    }
  }

  /** Drops the folders that neither this path nor a later one can lie in. */
  #leave(path: ByteString): void {
    for (let last = this.#above.at(-1); last !== undefined; last = this.#above.at(-1)) {
      if (path.startsWith(last.path)) return;
      this.#above.pop();
      this.#folders.drop(last.path);
    }
  }

  #find(path: ByteString): Recorded | Missing | undefined {
    for (let at = this.#above.length - 1; at >= 0; at -= 1) {
      const one = this.#above[at];
      if (one?.path === path) return one;
    }
    return undefined;
  }

  /** Returns whether a filesystem begins here, or may begin, within an automounter's own. */
  #beginsFilesystem(path: ByteString, device: number): boolean {
    if (path === root) return false;
    const parent = this.#find(parentOf(path));
    if (parent === undefined || "error" in parent) return false;
    return parent.device !== device || parent.automount;
  }

  #isAutomount(path: ByteString): boolean {
    return isAutomount(this.#folders.at(parentOf(path)), nameOf(path));
  }

  #checkSame(path: ByteString, fd: number): void {
    const recorded = this.#find(path);
    if (recorded === undefined || "error" in recorded) throw new FolderChanged();
    if (recorded.automount) return;
    const { device, inode, born } = fstat(fd);
    const isSame = device === recorded.device && inode === recorded.inode && sameMoment(born, recorded.born);
    if (!isSame) throw new FolderChanged();
  }
}

/** Returns whether another filesystem appears in a folder's place as soon as somebody looks into it. */
export function isAutomount(parent: number, name: ByteString): boolean {
  const handle = openHandle(parent, name);
  try {
    return filesystemKind(handle) === "automount";
  } finally {
    closeRead(handle);
  }
}

function isIn(path: ByteString, folder: ByteString): boolean {
  return folder !== root && path.lastIndexOf("/") === folder.length && path.startsWith(folder);
}

/** Returns the name by which a path is reached from the descriptor of `reach`. */
export function nameOf(path: ByteString): ByteString {
  return path === root ? ("." as ByteString) : baseName(path);
}
