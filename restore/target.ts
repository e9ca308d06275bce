/**
 * The folder that a restore writes beneath. Entry paths are absolute in a manifest and land below it: with target
 * `/mnt`, `/etc/fstab` becomes `/mnt/etc/fstab`. Folders are reached through `core/system/beneath.ts` alone, which keeps
 * every one of them inside, whatever lies there or is swapped meanwhile.
 */
import { basename, dirname } from "node:path";
import { type ExitStatus, exitStatus, Failure } from "../core/failure.ts";
import { type ByteString, baseName, fromText, parentOf } from "../core/format/path.ts";
import { createFile, makeFolder, remove } from "../core/system/beneath.ts";
import { openFolder, openRoot } from "../core/system/confined.ts";
import { close } from "../core/system/files.ts";
import { isSystemError, SystemError } from "../core/system/libc.ts";
import { lstatAt, type Stat } from "../core/system/stat.ts";
import { accessAcl, defaultAcl, readXattrs, removeXattr } from "../core/system/xattr.ts";
import { madeAnew, temporaryName } from "./place.ts";

const root = "/" as ByteString;

export type Folder = {
  /** Good until another folder is asked for: use it at once. */
  readonly fd: number;
  /** Made by this restore, so that all that lies in it comes from this restore. */
  readonly fresh: boolean;
  /** New entries in it get its default ACL, wanted or not. */
  readonly inherits: boolean;
};

/** Open at a time; files in progress come on top, and 1,024 is the usual limit. */
const mostOpen = 128;

export class Target {
  readonly #root: number;
  #unnamed: number | undefined;
  readonly #open = new Map<ByteString, Folder>();
  #lastPath: ByteString | undefined;
  #last: Folder | undefined;

  private constructor(
    root: number,
    /** Whether the target folder itself was made for this restore. */
    readonly made: boolean,
    /** Whether it is the `/` of the running machine. */
    readonly isSystemRoot: boolean,
  ) {
    this.#root = root;
  }

  /** Makes the folder where it is missing, with mode 0700; its parent must exist. */
  static open(path: string): Target {
    const made = makeIfMissing(path);
    try {
      return new Target(openRoot(fromText(path)), made, path === "/");
    } catch (error) {
      throw unusable(path, error);
    }
  }

  /**
   * A folder by its path in the backup. Folders on the way that the backup does not have are made with mode 0700. A
   * SystemError where something else is in the way (ELOOP for a link).
   */
  folder(path: ByteString): Folder {
    if (path === this.#lastPath && this.#last !== undefined) return this.#last;
    const known = this.#open.get(path);
    if (known === undefined) return this.#keep(path, this.#openOrMake(path));
    this.#open.delete(path);
    return this.#keep(path, known);
  }

  /** Whether the folder is there already. */
  has(path: ByteString): boolean {
    try {
      this.folderIfThere(path);
      return true;
    } catch (error) {
      if (error instanceof SystemError) return false;
      throw error;
    }
  }

  /** As `folder`, but makes nothing: ENOENT where it is missing. */
  folderIfThere(path: ByteString): Folder {
    return this.#open.get(path) ?? this.#keep(path, this.#existing(path));
  }

  /**
   * Makes a folder with mode 0700, unless there is one. A link in its place is never followed and stays (ELOOP); any
   * other thing is removed for it.
   */
  make(path: ByteString): "made" | "there" {
    if (path === "/") return this.made ? "made" : "there";
    const parent = this.folder(parentOf(path));
    const name = baseName(path);
    if (!parent.fresh) {
      const found = lstatAt(parent.fd, name);
      if (found !== undefined && !giveWay(parent.fd, name, found)) {
        this.folder(path);
        return "there";
      }
    }
    makeFolder(parent.fd, name, 0o700);
    const fd = openFolder(parent.fd, name);
    if (parent.inherits) {
      removeXattr(fd, defaultAcl);
      removeXattr(fd, accessAcl);
    }
    this.#forget(path);
    this.#keep(path, { fd, fresh: true, inherits: false });
    return "made";
  }

  /** A file without a name, for what does not fit into memory. There is one; it goes with `close`. */
  unnamedFile(): number {
    const { fd } = this.folder(root);
    const name = temporaryName(root);
    this.#unnamed ??= madeAnew(fd, name, () => createFile(fd, name));
    remove(fd, name);
    return this.#unnamed;
  }

  close(): void {
    if (this.#unnamed !== undefined) close(this.#unnamed);
    for (const path of [...this.#open.keys()]) this.#forget(path);
    close(this.#root);
  }

  #openOrMake(path: ByteString): Folder {
    try {
      return this.#existing(path);
    } catch (error) {
      if (path === "/" || !isSystemError(error, "ENOENT")) throw error;
      this.make(path);
      return this.folder(path);
    }
  }

  #existing(path: ByteString): Folder {
    const fd = openFolder(this.#root, path.slice(1) as ByteString);
    return { fd, fresh: false, inherits: readXattrs(fd).acl?.default !== undefined };
  }

  #keep(path: ByteString, folder: Folder): Folder {
    this.#open.set(path, folder);
    this.#lastPath = path;
    this.#last = folder;
    if (this.#open.size > mostOpen) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.#forget(oldest);
    }
    return folder;
  }

  #forget(path: ByteString): void {
    const folder = this.#open.get(path);
    if (folder === undefined) return;
    this.#open.delete(path);
    if (path === this.#lastPath) this.#lastPath = undefined;
    close(folder.fd);
  }
}

/** Whether the place is free afterwards. A folder stays as it is, and so does a link, which opening then refuses. */
function giveWay(parent: number, name: ByteString, found: Stat): boolean {
  if (found.type === "folder" || found.type === "link") return false;
  remove(parent, name);
  return true;
}

function makeIfMissing(path: string): boolean {
  if (path === "/") return false;
  let parent: number | undefined;
  try {
    parent = openRoot(fromText(dirname(path)));
    makeFolder(parent, fromText(basename(path)), 0o700);
    return true;
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return false;
    throw unusable(path, error);
  } finally {
    if (parent !== undefined) close(parent);
  }
}

function unusable(path: string, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error;
  const [remedy, exit] = mends[error.code] ?? [
    "give an existing folder, or a new one in an existing folder, as --target",
    exitStatus.usage,
  ];
  return new Failure({ doing: "restore into", what: path, why: error.reason, remedy, exit, cause: error });
}

const mends: Readonly<Record<string, readonly [remedy: string, exit: ExitStatus]>> = {
  EACCES: ["run as root, or give another --target", exitStatus.failed],
  EPERM: ["run as root, or give another --target", exitStatus.failed],
  EROFS: ["mount it writable, or give another --target", exitStatus.failed],
  ENOSPC: ["make room there, or give another --target", exitStatus.failed],
  EDQUOT: ["make room there, or give another --target", exitStatus.failed],
};
