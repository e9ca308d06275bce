/**
 * Sets the flags that `chattr` shows, last of all: an immutable file can be neither renamed nor linked, and nothing can be made in
 * an immutable folder. Names those flags as the reason if they are in the way.
 */
import type { Entry } from "../../core/format/entries/entry.ts";
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { openFileAt } from "../../core/system/files/beneath.ts";
import { close } from "../../core/system/files/files.ts";
import { lockingFlags, setFlags } from "../../core/system/filesystem/flags.ts";
import { fstat, lstatAt, type Stat } from "../../core/system/filesystem/stat.ts";
import { isSystemError, SystemError } from "../../core/system/libc.ts";
import type { Report } from "../report/report.ts";
import { Obstacle } from "../target/obstacle.ts";
import type { Target } from "../target/target.ts";

type Late = { readonly path: ByteString; readonly flags: number; readonly inode: bigint };

/** Bound on files that wait for their flags; those beyond get them at once. */
const mostLate = 10_000;

export class Flags {
  readonly #target: Target;
  readonly #report: Report;
  readonly #late: Late[] = [];

  constructor(target: Target, report: Report) {
    this.#target = target;
    this.#report = report;
  }

  /** Sets the flags of a file or folder that is in its place. A file with several names gets them in `setLate`. */
  set(fd: number, entry: Entry): void {
    const { flags, path } = entry;
    if (flags === undefined) return;
    const waits = entry.type === "file" && entry.hardLink !== undefined && this.#late.length < mostLate;
    if (waits) this.#late.push({ path, flags, inode: fstat(fd).inode });
    else this.#try(path, () => setFlags(fd, flags));
  }

  /** Sets flags that had to wait for later names. */
  setLate(): void {
    for (const { path, flags, inode } of this.#late.splice(0)) {
      this.#try(path, () => {
        const fd = openFileAt(this.#target.folderIfThere(parentOf(path)).fd, baseName(path));
        try {
          if (fstat(fd).inode === inode) setFlags(fd, flags);
        } finally {
          close(fd);
        }
      });
    }
  }

  #try(path: ByteString, set: () => void): void {
    try {
      set();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#report.count("flags", path, error.reason);
    }
  }
}

/** Lets a file or folder that was there before be changed. What cannot be cleared shows in what is refused then. */
export function unlock(fd: number, { flags }: Stat): void {
  if ((flags & lockingFlags) === 0) return;
  try {
    setFlags(fd, flags & ~lockingFlags);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

/** Returns an Obstacle if a flag explains why an entry cannot be written, else the error itself. */
export function explainedByFlags(target: Pick<Target, "folderIfThere">, path: ByteString, error: unknown): unknown {
  if (!isSystemError(error, "EPERM", "EACCES")) return error;
  const locked = lockedThing(target, path);
  if (locked === undefined) return error;
  const why = `${locked} is immutable or append-only (chattr)`;
  return new Obstacle({ code: "in-the-way", why, remedy: "clear that with chattr -ia, and run again" }, error);
}

function lockedThing(target: Pick<Target, "folderIfThere">, path: ByteString): string | undefined {
  try {
    const { fd } = target.folderIfThere(parentOf(path));
    if (((lstatAt(fd, baseName(path))?.flags ?? 0) & lockingFlags) !== 0) return "what is in its place";
    return (fstat(fd).flags & lockingFlags) === 0 ? undefined : "the folder that it lies in";
  } catch (error) {
    if (error instanceof SystemError || error instanceof Obstacle) return undefined;
    throw error;
  }
}
