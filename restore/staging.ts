/**
 * Folders for unfinished things that belong into a folder which others can write to. Only we can enter them, so nobody can
 * open, rename, replace or link what is in them. A thing gets its name when it is complete, by a rename on the same mount.
 *
 * There is one for each mount, in the uppermost folder of the target on that mount. It is removed at the end; what a killed
 * restore has left is found there.
 */
import type { ByteString } from "../core/format/path.ts";
import { createFile, remove, removeFolder } from "../core/system/beneath.ts";
import { openFolder } from "../core/system/confined.ts";
import { close } from "../core/system/files.ts";
import { isSystemError } from "../core/system/libc.ts";
import { tryLock } from "../core/system/lock.ts";
import { namesIn } from "../core/system/names.ts";
import { fstat, lstatAt } from "../core/system/stat.ts";
import { Obstacle } from "./obstacle.ts";
import { unlessRefused } from "./refused.ts";
import { isStagingName, type TemporaryNames } from "./temporary.ts";
import { isUnfinished, makeUnfinished, markUnfinished, ourselves, removeTemporaries } from "./unfinished.ts";

const itself = "" as ByteString;

type StagingFolder = { readonly fd: number; readonly parent: number; readonly name: ByteString };

export class Staging {
  readonly #names: TemporaryNames;
  readonly #places = new Map<string, StagingFolder>();

  constructor(names: TemporaryNames) {
    this.#names = names;
  }

  /** The folder for a mount. `above`: folders on that mount, of which the first that takes one has it. */
  at(mount: string, above: Iterable<number>): number {
    const known = this.#places.get(mount);
    if (known !== undefined && fstat(known.fd).links > 0) return known.fd;
    if (known !== undefined) this.#forget(mount, known);
    let refusal: unknown = new Error("a mount without a folder");
    for (const parent of above) {
      try {
        const made = this.#make(parent);
        this.#places.set(mount, made);
        return made.fd;
      } catch (error) {
        if (!isSystemError(error, "EACCES", "EPERM")) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  close(): void {
    for (const [mount, place] of this.#places) {
      // What cannot be removed stays for the next restore.
      unlessRefused(() => removeTemporaries(place.fd));
      unlessRefused(() => removeFolder(place.parent, place.name));
      this.#forget(mount, place);
    }
  }

  #make(above: number): StagingFolder {
    removeLeftovers(above);
    const name = this.#names.folder();
    const fd = makeUnfinished(above, name);
    try {
      markUnfinished(fd);
      if (!isOurs(fd, above, this.#names)) throw swapped();
      // Another restore takes what nobody holds for a leftover.
      tryLock(fd);
      return { fd, parent: openFolder(above, itself), name };
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  #forget(mount: string, { fd, parent }: StagingFolder): void {
    this.#places.delete(mount);
    close(fd);
    close(parent);
  }
}

/** Whether this is the folder that was just made: anyone who can write to the folder above can put another there. */
function isOurs(fd: number, above: number, names: TemporaryNames): boolean {
  const empty = namesIn(fd).next().done === true;
  return empty && (fstat(fd).uid === ourselves || ownerInsteadOfUs(above, names) !== undefined);
}

/** The owner of what we make in a folder, if the filesystem chooses another one: FAT, NFS without root's rights. */
function ownerInsteadOfUs(folder: number, names: TemporaryNames): number | undefined {
  const name = names.next();
  const fd = createFile(folder, name);
  try {
    remove(folder, name);
    const { uid } = fstat(fd);
    return uid === ourselves ? undefined : uid;
  } finally {
    close(fd);
  }
}

function swapped(): Obstacle {
  const why = "somebody else put another folder in the place of one that was just made";
  return new Obstacle({ code: "replaced-meanwhile", why, remedy: "find out who, and run again" });
}

/** Takes away folders that restores made in this one, and did not live to remove. */
export function removeLeftovers(above: number): void {
  for (const name of namesIn(above)) {
    if (isStagingName(name)) unlessRefused(() => removeLeftover(above, name));
  }
}

function removeLeftover(above: number, name: ByteString): void {
  const found = lstatAt(above, name);
  if (found === undefined || !isUnfinished(found)) return;
  const fd = openFolder(above, name);
  try {
    if (!isUnfinished(fstat(fd)) || !tryLock(fd)) return;
    removeTemporaries(fd);
  } finally {
    close(fd);
  }
  removeFolder(above, name);
}
