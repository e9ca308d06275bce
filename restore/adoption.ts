/**
 * Decides which files and folders that are in the target already may stay. Another user may have put one there, to keep a
 * descriptor or a mapping of it, or files in it, when it becomes root's. So it is corrected only if it has the owner that
 * the backup has, and nobody else can write to it; otherwise it is made again. If nothing in it differs, it stays.
 */
import type { Entry, FolderEntry } from "../core/format/entry.ts";
import { type ByteString, parentOf } from "../core/format/path.ts";
import { createFile, remove } from "../core/system/beneath.ts";
import { close } from "../core/system/files.ts";
import { setMode, setOwner } from "../core/system/metadata.ts";
import { userBehind } from "../core/system/mounts.ts";
import { userName } from "../core/system/owners.ts";
import { fstat, type Stat } from "../core/system/stat.ts";
import { readXattrs } from "../core/system/xattr.ts";
import type { Metadata } from "./metadata.ts";
import { Obstacle } from "./obstacle.ts";
import { unlessRefused } from "./refused.ts";
import type { Folder, FolderRule, Target } from "./target.ts";
import { ourselves } from "./unfinished.ts";

const groupWrites = 0o020;
const othersWrite = 0o002;
const sticky = 0o1000;
const setIds = 0o6000;
/** Number that leaves an owner or group unchanged. */
const unchanged = 0xffffffff;

export class Adoption {
  readonly #target: Target;
  readonly #metadata: Metadata;
  /** Owner that new files get instead if the wanted one cannot be set, by device and wanted owner. */
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
    const { uid, gid } = this.#metadata.idsOf(entry);
    if (folder.mount !== above.mount) refuseUsersMount(found);
    if (folder.isPrivate && found.gid === gid) return true;
    if (this.#hasRightOwner(found, uid, entry.path)) {
      if (this.#letsInMore(folder.fd, found, entry)) keepOthersOut(folder.fd, found);
      return true;
    }
    if (folder.mount === above.mount) return false;
    // Root has mounted it as part of the target, and a mount cannot be moved aside.
    unlessRefused(() => setOwner(folder.fd, ourselves, unchanged));
    keepOthersOut(folder.fd, found);
    return true;
  }

  /** Returns whether a folder of the right owner can be written by anyone who may not write to it in the end. */
  #letsInMore(fd: number, found: Stat, entry: FolderEntry): boolean {
    const writers = found.mode & (groupWrites | othersWrite);
    if (writers === 0) return false;
    if ((writers & ~entry.mode) !== 0 || (entry.mode & sticky & ~found.mode) !== 0) return true;
    if ((writers & groupWrites) === 0) return false;
    return found.gid !== this.#metadata.idsOf(entry).gid || !this.#metadata.sameAcl(readXattrs(fd).acl, entry.acl);
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

/** Removes write access of all but the owner, including access by an ACL and by descriptors that are open already. */
function keepOthersOut(fd: number, { mode }: Stat): void {
  unlessRefused(() => setMode(fd, mode & ~(groupWrites | othersWrite)));
}

/** Refuses a filesystem that a user has mounted: it may claim to be root's, and shows the user all that is written to it. */
function refuseUsersMount(found: Stat): void {
  const user = userBehind(found);
  if (user === undefined || user === 0 || user === ourselves) return;
  const why = `a filesystem that ${userName(user) ?? `user ${user}`} has mounted is in its place`;
  throw new Obstacle({ code: "in-the-way", why, remedy: "unmount it and run again" });
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
