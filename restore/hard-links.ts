/**
 * Names of files that have several. The first of them is restored as any file; the others become links to it, or to
 * whichever name was restored in its stead.
 */
import type { Entry, FolderEntry } from "../core/format/entry.ts";
import { type ByteString, baseName, parentOf } from "../core/format/path.ts";
import { makeHardLink } from "../core/system/beneath.ts";
import { isSystemError } from "../core/system/libc.ts";
import { lstatAt, type Stat } from "../core/system/stat.ts";
import { madeAnew, putInPlace, removeIfThere, temporaryName } from "./place.ts";
import type { Report } from "./report.ts";
import type { Target } from "./target.ts";

/** `path` is kept only where it is not the name that the others refer to. */
type Leader = Pick<Stat, "inode" | "device"> & { readonly path: ByteString | undefined };

/** Filesystems without links, with too many already, other ones, and those that protect the files of others. */
const refusals = ["EXDEV", "EMLINK", "EPERM", "ENOTSUP", "ENOSYS"] as const;

/** Everything but folders may have several names. */
type Linkable = Exclude<Entry, FolderEntry>;

export function isLaterName(entry: Linkable): boolean {
  return entry.hardLink !== undefined && entry.hardLink !== entry.path;
}

export class HardLinks {
  /** By hash of the first name, as a machine may have millions; the inode tells if two names share a hash. */
  readonly #leaders = new Map<bigint, Leader>();

  constructor(
    readonly target: Target,
    readonly report: Report,
  ) {}

  /** That a name is in its place, so that others may be linked to it. */
  restored({ hardLink, path }: Linkable, { inode, device }: Stat): void {
    if (hardLink === undefined) return;
    this.#leaders.set(hashOf(hardLink), { inode, device, path: hardLink === path ? undefined : path });
  }

  /** False where there is nothing to link to, or no way: the entry then needs content of its own. */
  link(entry: Linkable): boolean {
    const leader = entry.hardLink === undefined ? undefined : this.#leaders.get(hashOf(entry.hardLink));
    if (leader === undefined || entry.hardLink === undefined) return false;
    const first = leader.path ?? entry.hardLink;
    const folder = this.target.folder(parentOf(entry.path));
    if (!folder.fresh && isFile(leader, lstatAt(folder.fd, baseName(entry.path)))) {
      this.report.figures.unchanged += 1;
      return true;
    }
    if (!this.#makeLink(first, leader, entry.path)) return false;
    this.report.figures.hardLinks += 1;
    return true;
  }

  /** Only to the file that this restore has written or checked: another may have taken its name. */
  #makeLink(first: ByteString, leader: Leader, path: ByteString): boolean {
    const from = this.target.folder(parentOf(first));
    const to = this.target.folder(parentOf(path));
    const temporary = temporaryName(path);
    try {
      madeAnew(to.fd, temporary, () => makeHardLink(from.fd, baseName(first), to.fd, temporary));
    } catch (error) {
      if (isSystemError(error, "ENOENT", ...refusals)) return false;
      throw error;
    }
    if (!isFile(leader, lstatAt(to.fd, temporary))) {
      removeIfThere(to.fd, temporary);
      return false;
    }
    putInPlace(to.fd, temporary, path);
    return true;
  }
}

function isFile({ inode, device }: Leader, found: Stat | undefined): boolean {
  return found !== undefined && found.inode === inode && found.device === device;
}

function hashOf(path: ByteString): bigint {
  return Bun.hash.xxHash64(path);
}
