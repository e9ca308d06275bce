/**
 * The folder that a restore writes to. Absolute paths of entries are taken from there: with the target `/mnt`,
 * `/etc/fstab` becomes `/mnt/etc/fstab`. Folders are reached only by `core/system/files/confined.ts`, which never leaves the
 * target, whatever lies in it or is swapped meanwhile. If a folder that this restore has made or accepted is replaced by
 * another one, that is an `Obstacle`.
 */
import { type ByteString, baseName, join, parentOf } from "../../core/format/path.ts";
import { createFile, remove, removeFolder, rename } from "../../core/system/files/beneath.ts";
import { openOnSameMount } from "../../core/system/files/confined.ts";
import { close } from "../../core/system/files/files.ts";
import { namesIn } from "../../core/system/files/names.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../core/system/libc.ts";
import { setMode, setOwner } from "../../core/system/metadata/metadata.ts";
import { type Folder, type FolderIdentity, folderOf, isFolder, type KnownFolder } from "./folder.ts";
import { KeptFolders } from "./kept-folders.ts";
import { immovable, Obstacle, replaced } from "./obstacle.ts";
import { unlessRefused } from "./refused.ts";
import { removeLeftovers, Staging } from "./staging.ts";
import { openTargetFolder, unusable } from "./target-folder.ts";
import { type RandomBytes, TemporaryNames } from "./temporary.ts";
import {
  isUnfinished,
  labelUnfinished,
  makeUnfinished,
  markUnfinished,
  ourselves,
  removeLabel,
  removeSmallTemporaries,
  removeTemporaries,
} from "./unfinished.ts";
import { type OpenedFolder, UsersMounts } from "./users-mounts.ts";

const root = "/" as ByteString;

/** Rule for a folder that may be there already. */
export type FolderRule = {
  /** Group of a folder that is made; ours if undefined. */
  readonly gid: number | undefined;
  /** Returns whether a folder may stay; else it is moved aside. May change its mode and owner, to keep others out. */
  accept(folder: Folder, found: Stat, above: Folder): boolean;
};

export type TargetDeps = {
  readonly random: RandomBytes;
  /** Called when a folder that was not accepted was renamed. */
  readonly onMovedAside: (path: ByteString, aside: ByteString) => void;
};

const keepsGroup: FolderRule = { gid: undefined, accept: () => true };

export class Target {
  /** True if this restore made the target folder, or an earlier restore that it continues. */
  readonly made: boolean;
  /** True if it is the `/` of the running machine. */
  readonly isSystemRoot: boolean;
  readonly names: TemporaryNames;
  readonly #root: number;
  readonly #onMovedAside: TargetDeps["onMovedAside"];
  readonly #staging: Staging;
  readonly #mounts = new UsersMounts();
  /** Paths of folders in which a killed restore has left large files. */
  readonly #withLarge = new Set<ByteString>();
  #unnamed: number | undefined;
  readonly #open = new KeptFolders();
  readonly #known = new Map<ByteString, KnownFolder>();

  private constructor(fd: number, path: string, made: boolean, { random, onMovedAside }: TargetDeps) {
    this.#root = fd;
    this.#onMovedAside = onMovedAside;
    this.names = new TemporaryNames(random);
    this.#staging = new Staging(this.names);
    // Anyone who can write to the folder above can replace it.
    const fresh = made && fstat(fd).uid === ourselves && namesIn(fd).next().done === true;
    if (fresh) markUnfinished(fd);
    const found = fstat(fd);
    this.made = fresh || isUnfinished(found);
    this.isSystemRoot = path === "/";
    this.#know(root, found, { fresh, isPrivate: this.made });
    // Where its user wants it, whatever is mounted there.
    this.#mounts.pass(found);
    if (this.made && !fresh) this.#removeSmall(root, fd);
  }

  /** Makes the folder if it is missing; its parent must exist. */
  static open(path: string, deps: TargetDeps): Target {
    const { fd, made } = openTargetFolder(path);
    try {
      return new Target(fd, path, made, deps);
    } catch (error) {
      throw unusable(path, error);
    }
  }

  /**
   * Opens a folder by its path in the backup. Makes missing folders on the way, so that nobody else can enter them. Throws a
   * SystemError if something else is in the way (ELOOP for a link), and an Obstacle if a folder was replaced.
   */
  folder(path: ByteString): Folder {
    const open = this.#open.take(path);
    if (open !== undefined) return open;
    for (const above of this.#closedAbove(path)) this.#openOrMake(above);
    return this.#openOrMake(path);
  }

  /** Returns whether the folder is there already, or a thing in its place that keeps it from being made. */
  has(path: ByteString): boolean {
    try {
      this.folderIfThere(path);
      return true;
    } catch (error) {
      if (error instanceof SystemError) return false;
      if (error instanceof Obstacle) return true;
      throw error;
    }
  }

  /** Opens a folder as `folder` does, but makes nothing: throws ENOENT if it is missing. */
  folderIfThere(path: ByteString): Folder {
    const open = this.#open.find(path);
    if (open !== undefined) return open;
    for (const above of this.#closedAbove(path)) this.#existing(above);
    return this.#existing(path);
  }

  /** Returns a folder on the mount of `path` that nobody else can enter. Make in it what is to be renamed into `path`. */
  workplace(path: ByteString): number {
    const { isPrivate, fd, mount } = this.folder(path);
    return isPrivate ? fd : this.#staging.at(mount, this.#sameMountAbove(path, mount));
  }

  /**
   * Makes a folder that nobody else can enter, unless the rule accepts the one that is there. A link in its place stays and
   * is never followed (ELOOP). A folder that is not accepted is moved aside; a file or node is removed.
   */
  make(path: ByteString, rule: FolderRule = keepsGroup): "made" | "there" {
    if (path === root) return this.made ? "made" : "there";
    const parent = this.folder(parentOf(path));
    const missing = parent.fresh ? makeMissing(parent.fd, baseName(path)) : undefined;
    if (missing === undefined && this.#accepts(path, parent, rule)) return "there";
    const fd = missing ?? this.#makeAndPlace(path);
    try {
      this.#finishMaking(path, fd, rule);
    } catch (error) {
      close(fd);
      throw error;
    }
    return "made";
  }

  /** Returns the identity of a folder that `make` was called for since the last `leaveBehind`. */
  identity(path: ByteString): FolderIdentity {
    const known = this.#known.get(path);
    if (known === undefined) throw new Error("a folder that this restore has neither made nor accepted");
    return known;
  }

  /** Forgets which folders were made or accepted, except those that paths from `next` on may lie in. */
  leaveBehind(next: ByteString): void {
    // Paths in a folder sort from `path/` up to `path0`.
    for (const path of this.#known.keys()) if (path !== root && `${path}0` <= next) this.#known.delete(path);
  }

  /** Sets the mode of a new folder that the backup has no entry for. */
  settle(path: ByteString, mode: number): void {
    const { fd } = this.folderIfThere(path);
    if (isUnfinished(fstat(fd))) {
      setMode(fd, mode);
      removeLabel(fd);
    }
    this.#known.delete(path);
    this.#open.close(path);
  }

  /** Forgets all folders. Call when they have their own metadata: others may enter them from then on. */
  leaveAll(): void {
    this.#known.clear();
    this.#open.closeAll();
  }

  /** Opens a file without a name, for data that does not fit into memory. There is only one; `close` closes it. */
  unnamedFile(): number {
    if (this.#unnamed !== undefined) return this.#unnamed;
    const place = this.workplace(root);
    const name = this.names.next();
    this.#unnamed = createFile(place, name);
    remove(place, name);
    return this.#unnamed;
  }

  /** Removes large files that earlier restores have left, and this one has no use for. */
  removeLarge(): void {
    for (const path of this.#withLarge) unlessRefused(() => removeTemporaries(this.folderIfThere(path).fd));
    this.#withLarge.clear();
  }

  close(): void {
    if (this.#unnamed !== undefined) close(this.#unnamed);
    this.#staging.close();
    unlessRefused(() => removeLeftovers(this.#root));
    this.leaveAll();
    close(this.#root);
  }

  #removeSmall(path: ByteString, fd: number): void {
    if (removeSmallTemporaries(fd)) this.#withLarge.add(path);
  }

  #openOrMake(path: ByteString): Folder {
    try {
      return this.#existing(path);
    } catch (error) {
      if (path === root || !isSystemError(error, "ENOENT")) throw error;
      this.make(path);
      return this.folder(path);
    }
  }

  #existing(path: ByteString): Folder {
    const { fd, found } = this.#opened(path);
    const known = this.#known.get(path);
    if (known === undefined || isFolder(known, found)) return this.#open.keep(path, folderOf(fd, found, known));
    close(fd);
    throw replaced();
  }

  /** Opens a folder: from the one above it if nobody else can enter that, and so has put or mounted something there; else step by step. */
  #opened(path: ByteString): OpenedFolder {
    const above = path === root ? undefined : this.#open.find(parentOf(path));
    const fd = above?.isMarked === true ? openOnSameMount(above.fd, baseName(path)) : undefined;
    return fd === undefined ? this.#mounts.open(this.#root, path.slice(1) as ByteString) : { fd, found: fstat(fd) };
  }

  /** Returns the folders above a path, from the top, that are to be opened first: paths may have thousands of steps. */
  #closedAbove(path: ByteString): ByteString[] {
    const closed: ByteString[] = [];
    for (let way = path; way !== root; ) {
      way = parentOf(way);
      if (this.#open.has(way) || this.#isOpenToOthers(way)) break;
      closed.push(way);
    }
    return closed.reverse();
  }

  #isOpenToOthers(path: ByteString): boolean {
    return this.#known.get(path)?.isPrivate === false;
  }

  #accepts(path: ByteString, parent: Folder, rule: FolderRule): boolean {
    let opened: OpenedFolder;
    try {
      opened = this.#mounts.open(parent.fd, baseName(path));
    } catch (error) {
      if (isSystemError(error, "ENOENT", "ENOTDIR")) return false;
      throw error;
    }
    const { fd, found } = opened;
    try {
      const isPrivate = isUnfinished(found);
      if (!rule.accept(folderOf(fd, found, { fresh: false, isPrivate }), found, parent)) {
        close(fd);
        return false;
      }
      if (isPrivate) {
        markUnfinished(fd);
        this.#removeSmall(path, fd);
      }
    } catch (error) {
      close(fd);
      throw error;
    }
    this.#use(path, fd, fstat(fd), false);
    return true;
  }

  /** Makes a folder in the workplace, in which nobody can replace it, and gives it its name. */
  #makeAndPlace(path: ByteString): number {
    const place = this.workplace(parentOf(path));
    const temporary = this.names.next();
    const fd = makeUnfinished(place, temporary);
    try {
      labelUnfinished(fd, path);
      this.#clearPlace(path, () => rename(place, temporary, this.folder(parentOf(path)).fd, baseName(path)));
    } catch (error) {
      close(fd);
      unlessRefused(() => removeFolder(place, temporary));
      throw error;
    }
    return fd;
  }

  /** Runs `place`. Removes or moves aside what is in the way, and runs it again. */
  #clearPlace(path: ByteString, place: () => void): void {
    try {
      place();
    } catch (error) {
      if (isSystemError(error, "ENOTDIR")) remove(this.folder(parentOf(path)).fd, baseName(path));
      else if (isSystemError(error, "ENOTEMPTY", "EEXIST", "EBUSY")) this.#moveAside(path);
      else throw error;
      place();
    }
  }

  #moveAside(path: ByteString): void {
    const suffix = `.before-restore-${this.names.digits(4)}`;
    const name = baseName(path);
    const aside = `${name.slice(0, longestName - suffix.length)}${suffix}` as ByteString;
    const { fd } = this.folder(parentOf(path));
    try {
      rename(fd, name, fd, aside);
    } catch (error) {
      throw error instanceof SystemError ? immovable(error) : error;
    }
    // Folders below it have other paths now.
    this.#open.closeBelow(path);
    this.#onMovedAside(path, join(parentOf(path), aside));
  }

  #finishMaking(path: ByteString, fd: number, { gid }: FolderRule): void {
    const made = fstat(fd);
    // The umask, or a group or ACL that the folder above hands on.
    if (!isUnfinished(made)) markUnfinished(fd);
    // Without root, we may not be allowed to give it.
    if (gid !== undefined && gid !== made.gid) unlessRefused(() => setOwner(fd, unchanged, gid));
    this.#use(path, fd, made, true);
  }

  #use(path: ByteString, fd: number, found: Stat, fresh: boolean): void {
    this.#open.close(path);
    const isPrivate = fresh || isUnfinished(found);
    this.#know(path, found, { fresh, isPrivate });
    this.#open.keep(path, folderOf(fd, found, { fresh, isPrivate }));
  }

  #know(
    path: ByteString,
    { device, inode, uid, born }: Stat,
    { fresh, isPrivate }: Pick<Folder, "fresh" | "isPrivate">,
  ) {
    this.#known.set(path, { device, inode, uid, born, fresh, isPrivate });
  }

  /** Yields the folders above a path, and then its own, that lie on this mount. */
  *#sameMountAbove(path: ByteString, mount: string): Generator<number> {
    const ways = [path];
    for (let way = path; way !== root; ways.push(way)) way = parentOf(way);
    for (const way of ways.toReversed()) {
      const folder = this.folderIfThere(way);
      if (folder.mount === mount) yield folder.fd;
    }
  }
}

const longestName = 255;
/** Number that leaves an owner or group unchanged. */
const unchanged = 0xffffffff;

/** Makes a folder; undefined if there is one: the same may be in the list of files and in those of several bundles. */
function makeMissing(folder: number, name: ByteString): number | undefined {
  try {
    return makeUnfinished(folder, name);
  } catch (error) {
    if (isSystemError(error, "EEXIST")) return undefined;
    throw error;
  }
}
