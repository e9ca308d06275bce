/**
 * Staging folders for unfinished files, links, nodes and folders whose own folder others can write to. Only we can enter a
 * staging folder, so nobody else can open, rename, replace or link anything in it. A file gets its name when it is
 * complete, by a rename on the same mount.
 *
 * There is one for each mount, in the uppermost folder of the target on that mount. It is removed at the end. A restore
 * also removes those that a killed one has left.
 */
import type { ByteString } from "../../core/format/path.ts";
import { createFile, remove, removeFolder, rename } from "../../core/system/files/beneath.ts";
import { openFolder } from "../../core/system/files/confined.ts";
import { close } from "../../core/system/files/files.ts";
import { tryLock } from "../../core/system/files/lock.ts";
import { namesIn } from "../../core/system/files/names.ts";
import { fstat, lstatAt } from "../../core/system/filesystem/stat.ts";
import { isSystemError } from "../../core/system/libc.ts";
import { Obstacle } from "./obstacle.ts";
import { unlessRefused } from "./refused.ts";
import { isLargeFile, isStagingName, type TemporaryNames } from "./temporary.ts";
import {
  isUnfinished,
  labelUnfinished,
  makeUnfinished,
  markUnfinished,
  ourselves,
  removeTemporaries,
  wasMadeFor,
} from "./unfinished.ts";

const itself = "" as ByteString;

type StagingFolder = { readonly fd: number; readonly parent: number; readonly name: ByteString };

export class Staging {
  readonly #names: TemporaryNames;
  readonly #places = new Map<string, StagingFolder>();

  constructor(names: TemporaryNames) {
    this.#names = names;
  }

  /** Returns the staging folder of a mount. Makes it in the first folder of `above`, all on that mount, that permits it. */
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
      // The next restore removes it.
      unlessRefused(() => removeTemporaries(place.fd));
      unlessRefused(() => removeFolder(place.parent, place.name));
      this.#forget(mount, place);
    }
  }

  #make(above: number): StagingFolder {
    const name = this.#names.folder();
    const fd = makeUnfinished(above, name);
    try {
      markUnfinished(fd);
      if (!isOurs(fd, above, this.#names)) throw swapped();
      // Another restore takes a folder without a lock for a leftover.
      tryLock(fd);
      labelUnfinished(fd, stagingLabel);
      removeLeftovers(above, fd);
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

/** Returns whether this is the folder that was just made: anyone who can write to the folder above can replace it. */
function isOurs(fd: number, above: number, names: TemporaryNames): boolean {
  const empty = namesIn(fd).next().done === true;
  return empty && (fstat(fd).uid === ourselves || ownerInsteadOfUs(above, names) !== undefined);
}

/** Returns the owner of our new files in a folder if it is not us: on FAT, or on NFS without root's rights. */
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

/** In the place of a path: says that a folder was made for staging, by a restore of the same user. */
const stagingLabel = "staging" as ByteString;

/** Removes the staging folders that killed restores have left in a folder. Saves large files into `heir`, to go on with them. */
export function removeLeftovers(above: number, heir?: number): void {
  for (const name of namesIn(above).filter(isStagingName).toArray())
    unlessRefused(() => removeLeftover(above, name, heir));
}

function removeLeftover(above: number, name: ByteString, heir: number | undefined): void {
  const found = lstatAt(above, name);
  if (found === undefined || !isUnfinished(found)) return;
  const fd = openFolder(above, name);
  try {
    if (!isUnfinished(fstat(fd)) || !tryLock(fd)) return;
    if (heir !== undefined && wasMadeFor(fd, stagingLabel)) saveLargeFiles(fd, heir);
    removeTemporaries(fd);
  } finally {
    close(fd);
  }
  removeFolder(above, name);
}

function saveLargeFiles(from: number, to: number): void {
  for (const name of namesIn(from).filter(isLargeFile).toArray()) unlessRefused(() => rename(from, name, to, name));
}
