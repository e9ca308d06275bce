/**
 * Restores files with several names. The first name is restored like any file. The others become links to it, or to the
 * name that was restored in its place. A link is made only to a file that this restore has written or checked, and only
 * for an entry that is the same as the first one's in every respect.
 */

import type { Entry, FolderEntry } from "../../core/format/entries/entry.ts";
import { likenessOf } from "../../core/format/entries/likeness.ts";
import { sameMoment } from "../../core/format/entries/moment.ts";
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { sha256 } from "../../core/format/sha256.ts";
import { makeHardLink } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { openHandle } from "../../core/system/files/handle.ts";
import { fstat, lstatAt, type Stat, sameInode } from "../../core/system/filesystem/stat.ts";
import { isSystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { Obstacle } from "../target/obstacle.ts";
import { putInPlace } from "../target/place.ts";
import type { Target } from "../target/target.ts";

/**
 * Identity of a restored file: an inode may be used again, and content may be changed, but nobody can set a ctime. `path`
 * is kept only if it is not the name that the others refer to.
 */
type RestoredFile = Pick<Stat, "inode" | "device" | "changed"> & { readonly path: ByteString | undefined };

/** Errors of filesystems that have no links, have too many, are another one, or protect files of other users. */
const refusals = ["EXDEV", "EMLINK", "EPERM", "ENOTSUP", "ENOSYS"] as const;

/** Entries that may have several names: all but folders. */
export type Linkable = Exclude<Entry, FolderEntry>;

export function isLaterName(entry: Linkable): boolean {
  return entry.hardLink !== undefined && entry.hardLink !== entry.path;
}

/** Returns a short key that is equal for names of one file. A machine may have millions of them. */
export function linkGroup(entry: Linkable): string {
  return sha256(Buffer.from(`${likenessOf(entry, entry.type === "file" ? entry.extents : [])}${entry.hardLink}`)).slice(
    0,
    32,
  );
}

export class HardLinkRestorer {
  readonly #target: Target;
  readonly #report: Report;
  readonly #leaders = new Map<string, RestoredFile>();

  constructor(target: Target, report: Report) {
    this.#target = target;
    this.#report = report;
  }

  /** Registers a name that is in its place, so that others may be linked to it. `found`: its stat. */
  restored(entry: Linkable, found: Stat): void {
    const { hardLink, path } = entry;
    if (hardLink === undefined) return;
    this.#keep(linkGroup(entry), found, hardLink === path ? undefined : path);
  }

  /** Links an entry to a restored name. Returns false if that is not possible: the entry needs content of its own. */
  link(entry: Linkable): boolean {
    const { hardLink } = entry;
    if (hardLink === undefined) return false;
    const group = linkGroup(entry);
    const leader = this.#leaders.get(group);
    if (leader === undefined) return false;
    const handle = this.#hold(leader.path ?? hardLink);
    if (handle === undefined) return false;
    try {
      return isLeader(leader, fstat(handle)) && this.#linkTo(handle, leader, entry, group);
    } finally {
      close(handle);
    }
  }

  #hold(path: ByteString): number | undefined {
    try {
      return openHandle(this.#target.folderIfThere(parentOf(path)).fd, baseName(path));
    } catch (error) {
      const isElsewhere = error instanceof Obstacle || isSystemError(error, "ENOENT", "ENOTDIR", "ELOOP", "EACCES");
      if (isElsewhere) return undefined;
      throw error;
    }
  }

  #linkTo(handle: number, leader: RestoredFile, { path }: Linkable, group: string): boolean {
    const folder = this.#target.folder(parentOf(path));
    const there = folder.fresh ? undefined : lstatAt(folder.fd, baseName(path));
    if (there !== undefined && sameInode(leader, there)) {
      this.#report.did(path, "unchanged");
      return true;
    }
    if (!this.#makeLink(handle, path)) return false;
    this.#report.did(path, "hardLinks");
    // A new name changes the ctime.
    this.#keep(group, fstat(handle), leader.path);
    return true;
  }

  #makeLink(handle: number, path: ByteString): boolean {
    const place = this.#target.workplace(parentOf(path));
    const temporary = this.#target.names.next();
    try {
      makeHardLink(handle, place, temporary);
    } catch (error) {
      if (isSystemError(error, "ENOENT", ...refusals)) return false;
      throw error;
    }
    putInPlace(this.#target, temporary, path);
    return true;
  }

  #keep(group: string, { inode, device, changed }: Stat, path: ByteString | undefined): void {
    this.#leaders.set(group, { inode, device, changed, path });
  }
}

function isLeader(leader: RestoredFile, found: Stat): boolean {
  return sameInode(leader, found) && sameMoment(leader.changed, found.changed);
}
