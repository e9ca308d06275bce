/**
 * Decides which files and folders that are in the target already may stay. Another user may have put one there, to keep a
 * descriptor or a mapping of it, or files in it, when it becomes root's. So it is corrected only if it has the owner that
 * the backup has, and nobody else can write to it; otherwise it is made again. If nothing in it differs, it stays.
 */
import type { Entry, FolderEntry } from "../../core/format/entries/entry.ts";
import { type ByteString, parentOf } from "../../core/format/path.ts";
import { createFile, remove } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { setMode, setOwner } from "../../core/system/metadata/metadata.ts";
import { readXattrs } from "../../core/system/metadata/xattr.ts";
import type { Folder } from "../target/folder.ts";
import { unlessRefused } from "../target/refused.ts";
import type { FolderRule, Target } from "../target/target.ts";
import { ourselves, wasMadeFor } from "../target/unfinished.ts";
import type { Metadata } from "./metadata.ts";

const groupWrites = 0o020;
const othersWrite = 0o002;
const group = 0o070;
const everybodyElse = 0o077;
const sticky = 0o1000;
const setIds = 0o6000;
/** Number that leaves an owner or group unchanged. */
const unchanged = 0xffffffff;

export class Adoption {
  readonly #target: Target;
  readonly #metadata: Metadata;
  /** Folders in which others could rename things, until this restore closed them. */
  readonly #closed = new Set<string>();
  /** By device and wanted owner: who owns what we make there instead, if that owner cannot be set. */
  readonly #fixedOwners = new Map<string, number | undefined>();

  constructor(target: Target, metadata: Metadata) {
    this.#target = target;
    this.#metadata = metadata;
  }

  /** Returns whether a file, link or node may be corrected if its metadata differs from the entry. */
  mayCorrect(entry: Exclude<Entry, FolderEntry>, found: Stat): boolean {
    const { uid } = this.#metadata.idsOf(entry);
    // It may have other names anywhere. With an ACL, the group's bits are the mask: the most that any of its entries gives.
    if (found.links !== 1 || (entry.type !== "link" && (found.mode & (groupWrites | othersWrite)) !== 0)) return false;
    if (found.uid === uid && givesRights(entry)) return false;
    return this.#hasRightOwner(found, uid, entry.path);
  }

  folderRule(entry: FolderEntry): FolderRule {
    const { gid } = this.#metadata.idsOf(entry);
    return { gid, accept: (folder, found, above) => this.#acceptsFolder(entry, folder, found, above) };
  }

  #acceptsFolder(entry: FolderEntry, folder: Folder, found: Stat, above: Folder): boolean {
    if (folder.isPrivate && (above.isPrivate || wasMadeFor(folder.fd, entry.path))) return true;
    const isRight = this.#hasRightOwner(found, this.#metadata.idsOf(entry).uid, entry.path);
    const meanwhile = this.#modeMeanwhile(folder.fd, found, entry);
    if (folder.mount === above.mount) {
      if (!isRight || (letsInMore(entry, found, meanwhile) && this.#mayBeAnother(found, above))) return false;
    } else if (!isRight) {
      // Root has mounted it to be restored into, and it cannot be moved aside.
      unlessRefused(() => setOwner(folder.fd, ourselves, unchanged));
    }
    if (meanwhile !== found.mode) this.#close(folder.fd, found, meanwhile);
    return true;
  }

  #close(fd: number, found: Stat, mode: number): void {
    if (mayRename(found)) this.#closed.add(nameOf(found));
    unlessRefused(() => setMode(fd, mode));
  }

  /** Returns whether somebody who neither owns the folder nor is root can have renamed it to where it is. */
  #mayBeAnother({ uid }: Stat, { fd }: Folder): boolean {
    const above = fstat(fd);
    const isStrangers = above.uid !== uid && above.uid !== ourselves && above.uid !== 0;
    return isStrangers || mayRename(above) || this.#closed.has(nameOf(above));
  }

  /**
   * The mode while the folder is filled: nobody gets in, or writes, who cannot in the end. With an ACL, the group's bits are its
   * mask. Descriptors that are open already give no rights.
   */
  #modeMeanwhile(fd: number, found: Stat, entry: FolderEntry): number {
    if ((found.mode & everybodyElse) === 0) return found.mode;
    const { gid } = this.#metadata.idsOf(entry);
    const groupIsSame = found.gid === gid && this.#metadata.sameAcl(readXattrs(fd).acl, entry.acl);
    const open = found.mode & entry.mode & everybodyElse & ~(groupIsSame ? 0 : group);
    const becomesSticky = (entry.mode & sticky & ~found.mode) !== 0;
    return (found.mode & ~everybodyElse) | (becomesSticky ? open & ~(groupWrites | othersWrite) : open);
  }

  /** Returns whether it has the owner that it would get if it were made again. */
  #hasRightOwner(found: Stat, wanted: number, path: ByteString): boolean {
    if (found.uid === wanted) return true;
    const key = `${found.device} ${wanted}`;
    if (!this.#fixedOwners.has(key)) this.#fixedOwners.set(key, fixedOwner(this.#target, parentOf(path), wanted));
    return found.uid === this.#fixedOwners.get(key);
  }
}

/** Returns whether an entry gets setuid, setgid or capabilities, which an old descriptor of the file would give, too. */
function givesRights(entry: Entry): boolean {
  return (entry.mode & setIds) !== 0 || [...entry.xattrs.keys()].some((name) => name.startsWith("security."));
}

/** Returns whether the folder in the end lets in people whom it, as found, keeps out. */
function letsInMore({ mode }: FolderEntry, found: Stat, meanwhile: number): boolean {
  return (mode & ~found.mode & everybodyElse) !== 0 || (meanwhile & group) !== (found.mode & mode & group);
}

/** Returns whether not only owners may rename what lies in a folder. */
function mayRename({ mode }: Stat): boolean {
  return (mode & sticky) === 0 && (mode & (groupWrites | othersWrite)) !== 0;
}

function nameOf({ device, inode }: Stat): string {
  return `${device} ${inode}`;
}

/** Returns the owner of all that is made in a folder, if owners cannot be set there: us without root, another on FAT. */
function fixedOwner(target: Target, folder: ByteString, wanted: number): number | undefined {
  let fixed: number | undefined;
  unlessRefused(() => {
    const place = target.workplace(folder);
    const name = target.names.next();
    const fd = createFile(place, name);
    try {
      remove(place, name);
      const { uid } = fstat(fd);
      const isGiven = unlessRefused(() => setOwner(fd, wanted, unchanged)) && fstat(fd).uid === wanted;
      fixed = isGiven ? undefined : uid;
    } finally {
      close(fd);
    }
  });
  return fixed;
}
