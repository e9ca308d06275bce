/**
 * Decides what may stay of what is in the target already. Another user may have put it there, to keep a descriptor or a
 * mapping of it, or files in it, when it becomes root's. So a thing is kept and corrected only if it has the owner that the
 * backup has, and nobody else can write to it; otherwise it is made again. What is right in every respect stays.
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
/** Leaves that number as it is. */
const unchanged = 0xffffffff;

export class Adoption {
  readonly #target: Target;
  readonly #metadata: Metadata;
  /** By device and wanted owner: who owns what we make there instead, if that owner cannot be set. */
  readonly #fixedOwners = new Map<string, number | undefined>();

  constructor(target: Target, metadata: Metadata) {
    this.#target = target;
    this.#metadata = metadata;
  }

  /** Whether a file, link or node that differs from the entry in its metadata may be corrected. */
  mayCorrect(entry: Exclude<Entry, FolderEntry>, found: Stat): boolean {
    const { uid } = this.#metadata.idsOf(entry);
    // Other names of it may be anywhere. With an ACL, the group's bits are its mask: the most that any entry gives.
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
    // Root has mounted it to be restored into, and it cannot be moved aside.
    unlessRefused(() => setOwner(folder.fd, ourselves, unchanged));
    keepOthersOut(folder.fd, found);
    return true;
  }

  /** Whether somebody can write to a folder of the right owner who cannot in the end. */
  #letsInMore(fd: number, found: Stat, entry: FolderEntry): boolean {
    const writers = found.mode & (groupWrites | othersWrite);
    if (writers === 0) return false;
    if ((writers & ~entry.mode) !== 0 || (entry.mode & sticky & ~found.mode) !== 0) return true;
    if ((writers & groupWrites) === 0) return false;
    return found.gid !== this.#metadata.idsOf(entry).gid || !this.#metadata.sameAcl(readXattrs(fd).acl, entry.acl);
  }

  /** Whether it has the owner that it would get if it were made again. */
  #hasRightOwner(found: Stat, wanted: number, path: ByteString): boolean {
    if (found.uid === wanted) return true;
    const key = `${found.device} ${wanted}`;
    if (!this.#fixedOwners.has(key)) this.#fixedOwners.set(key, fixedOwner(this.#target, parentOf(path), wanted));
    return found.uid === this.#fixedOwners.get(key);
  }
}

/** Whether it gets setuid, setgid or capabilities: anyone with an old descriptor of the file would have them, too. */
function givesRights(entry: Entry): boolean {
  return (entry.mode & setIds) !== 0 || [...entry.xattrs.keys()].some((name) => name.startsWith("security."));
}

/** Removes write access of all but the owner, also by an ACL, and by descriptors that are open already. */
function keepOthersOut(fd: number, { mode }: Stat): void {
  unlessRefused(() => setMode(fd, mode & ~(groupWrites | othersWrite)));
}

/** A user's filesystem may say that it is root's, and shows that user all that is written to it. */
function refuseUsersMount(found: Stat): void {
  const user = userBehind(found);
  if (user === undefined || user === 0 || user === ourselves) return;
  const why = `a filesystem that ${userName(user) ?? `user ${user}`} has mounted is in its place`;
  throw new Obstacle({ code: "in-the-way", why, remedy: "unmount it and run again" });
}

/** The owner of everything that is made in a folder, if owners cannot be set there: us without root, another on FAT. */
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
