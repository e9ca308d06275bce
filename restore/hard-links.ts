/**
 * Names of files that have several. The first of them is restored as any file; the others become links to it, or to
 * whichever name was restored in its stead. A link is made only to what this restore has written or checked, and only for
 * an entry that says the same of itself as the first one.
 */
import type { Entry, FolderEntry } from "../core/format/entry.ts";
import { likenessOf } from "../core/format/likeness.ts";
import { type ByteString, baseName, parentOf } from "../core/format/path.ts";
import { sha256 } from "../core/format/sha256.ts";
import { makeHardLink } from "../core/system/beneath.ts";
import { close } from "../core/system/files.ts";
import { openHandle } from "../core/system/handle.ts";
import { isSystemError } from "../core/system/libc.ts";
import { fstat, lstatAt, type Stat } from "../core/system/stat.ts";
import { Obstacle } from "./obstacle.ts";
import { putInPlace } from "./place.ts";
import type { Report } from "./report.ts";
import type { Target } from "./target.ts";

/**
 * A file is still the one that was restored if its ctime is, which nobody can set: an inode may be used again, and content
 * changed. `path` is kept only if it is not the name that the others refer to.
 */
type RestoredFile = Pick<Stat, "inode" | "device" | "changed"> & { readonly path: ByteString | undefined };

/** Filesystems without links, with too many already, other ones, and those that protect the files of others. */
const refusals = ["EXDEV", "EMLINK", "EPERM", "ENOTSUP", "ENOSYS"] as const;

/** Everything but folders may have several names. */
export type Linkable = Exclude<Entry, FolderEntry>;

export function isLaterName(entry: Linkable): boolean {
  return entry.hardLink !== undefined && entry.hardLink !== entry.path;
}

/** Equal for names that are linked to each other. Of any length, and cheap to keep, as a machine may have millions. */
export function linkGroup(entry: Linkable): string {
  return sha256(Buffer.from(`${likenessOf(entry, entry.type === "file" ? entry.extents : [])}${entry.hardLink}`)).slice(
    0,
    32,
  );
}

export class HardLinks {
  readonly #target: Target;
  readonly #report: Report;
  readonly #leaders = new Map<string, RestoredFile>();

  constructor(target: Target, report: Report) {
    this.#target = target;
    this.#report = report;
  }

  /** Registers a name that is in its place, so that others may be linked to it. `found`: how it is there. */
  restored(entry: Linkable, found: Stat): void {
    const { hardLink, path } = entry;
    if (hardLink === undefined) return;
    this.#keep(linkGroup(entry), found, hardLink === path ? undefined : path);
  }

  /** False if there is nothing to link to, or no way: the entry then needs content of its own. */
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
    if (!folder.fresh && isSameInode(leader, lstatAt(folder.fd, baseName(path)))) {
      this.#report.figures.unchanged += 1;
      return true;
    }
    if (!this.#makeLink(handle, path)) return false;
    this.#report.figures.hardLinks += 1;
    // One more name changes the ctime.
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
  const { seconds, nanoseconds } = found.changed;
  return isSameInode(leader, found) && leader.changed.seconds === seconds && leader.changed.nanoseconds === nanoseconds;
}

function isSameInode({ inode, device }: Pick<Stat, "inode" | "device">, found: Stat | undefined): boolean {
  return found !== undefined && found.inode === inode && found.device === device;
}
