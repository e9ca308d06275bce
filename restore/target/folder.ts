/** Folders of a target that are open, and how each is known again. */
import { sameMoment } from "../../core/format/entries/moment.ts";
import { type Stat, sameInode } from "../../core/system/filesystem/stat.ts";
import { isUnfinished } from "./unfinished.ts";
import { mountOf } from "./users-mounts.ts";

export type Folder = {
  /** Descriptor; valid until another folder is asked for, so use it at once. */
  readonly fd: number;
  /** True if this restore made it, and so everything in it. */
  readonly fresh: boolean;
  /** True if nobody else can enter it: it has the mark of `unfinished.ts`. */
  readonly isPrivate: boolean;
  /** True if it has that mark, whether this restore has made or accepted it or not. */
  readonly isMarked: boolean;
  /** Text that is different for each mount. */
  readonly mount: string;
};

/** A folder that was made or accepted: whether another lies at its path, is seen by these. */
export type FolderIdentity = Pick<Stat, "device" | "inode" | "uid" | "born">;

export type KnownFolder = FolderIdentity & Pick<Folder, "fresh" | "isPrivate">;

/** Returns whether it is the folder that it was: an inode may be used again, but not with the time of its birth. */
export function isFolder(known: FolderIdentity, found: Stat): boolean {
  return sameInode(known, found) && found.uid === known.uid && sameMoment(known.born, found.born);
}

export function folderOf(fd: number, found: Stat, known: Pick<Folder, "fresh" | "isPrivate"> | undefined): Folder {
  const { fresh = false, isPrivate = false } = known ?? {};
  return { fd, fresh, isPrivate, isMarked: isPrivate || isUnfinished(found), mount: mountOf(found) };
}
