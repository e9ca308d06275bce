/**
 * Compares picked paths with what the last run saw, as pickers print them. What is as it was costs one look and one step in the table of
 * files; all else is collected, and looked at again in byte order, as `quilter.ts` says.
 *
 * A row is kept only on plain ground: where nothing is found that `folder-stack.ts` would not store. What is kept was stored under this
 * path by an earlier run, and the path was reached through no link, so a folder that another one replaces meanwhile changes nothing.
 */
import { type ByteString, parentOf } from "../../format/path.ts";
import type { OpenFolders } from "../../system/files/open-folders.ts";
import { strangerBehind } from "../../system/filesystem/mounts.ts";
import type { Stat } from "../../system/filesystem/stat.ts";
import type { BitSet } from "../state/tables/bit-set.ts";
import type { FileLook } from "../state/tables/files.ts";
import { isSameInode, isSameLook } from "../state/tables/fingerprint.ts";
import { restsOn } from "../state/tables/packed-extents.ts";
import { countUnchanged, type QuiltCounts } from "./counts.ts";
import type { KnownRows } from "./known-rows.ts";
import { isAutomount, nameOf } from "./paths/folder-stack.ts";
import { mayBeLinked } from "./paths/hard-links.ts";
import type { OwnFiles } from "./paths/own-files.ts";
import type { PathSet } from "./paths/path-set.ts";

/**
 * A folder that paths lie in. `isPlain`: it and all above it are the folders that they were in the last run, and none is the program's own or
 * begins a filesystem that may lie.
 */
export type Ground = { readonly device: number; readonly isPlain: boolean };

export type ComparisonDeps = {
  readonly rows: KnownRows;
  readonly own: OwnFiles;
  /** The folders that paths are looked at from. */
  readonly folders: OpenFolders;
  /** Objects whose lock ends too soon. */
  readonly expiring: BitSet;
  /** False if heads of all entries are to be refreshed. */
  readonly sameAccounts: boolean;
  readonly counts: QuiltCounts;
  /** Takes the paths that are new, changed or in doubt, and the folders above them. */
  readonly paths: PathSet;
};

/** Bound on remembered folders above paths of the rest. */
const mostFolders = 10_000;
const root = "/" as ByteString;

export class Comparison {
  /** Whether files are among what is new, changed or in doubt. */
  hasFiles = false;
  readonly #deps: ComparisonDeps;
  /** Folders that are in the rest. */
  readonly #above = new Set<ByteString>();

  constructor(deps: ComparisonDeps) {
    this.#deps = deps;
  }

  /** Takes a path and a look at it: see `RecordPath`. */
  readonly record = (path: ByteString, stat: Stat, above: Ground | undefined): Ground | undefined => {
    const { rows } = this.#deps;
    const known = rows.at(path);
    const wasMet = known !== undefined && rows.meet(known);
    if (!wasMet) {
      if (known !== undefined && this.#isKept(path, stat, known, above)) this.#keep(known, stat);
      else this.#leave(path, stat);
    }
    return stat.type === "folder" ? this.#groundOf(path, stat, known, above) : undefined;
  };

  #isKept(path: ByteString, stat: Stat, known: FileLook, above: Ground | undefined): boolean {
    const { own, sameAccounts } = this.#deps;
    const isOnGround = above === undefined ? path === root : above.isPlain && above.device === stat.device;
    if (!sameAccounts || !isOnGround || !isSameLook(known, stat)) return false;
    // Which of a file's names comes first is known in byte order only.
    if (known.first !== null || mayBeLinked(stat)) return false;
    return !own.has(stat) && !this.#isExpiring(known, stat);
  }

  #isExpiring({ extents }: FileLook, { type }: Stat): boolean {
    const { expiring } = this.#deps;
    if (expiring.size === 0) return false;
    // The content of a file without extents is in its segments.
    return extents === null ? type === "file" : restsOn(extents, expiring);
  }

  #keep(known: FileLook, stat: Stat): void {
    const { rows, counts } = this.#deps;
    rows.keep(known);
    countUnchanged(counts, stat);
  }

  #leave(path: ByteString, { type }: Stat): void {
    const { paths: rest } = this.#deps;
    this.hasFiles ||= type === "file";
    rest.add(path);
    if (this.#above.size > mostFolders) this.#above.clear();
    for (let folder = parentOf(path); !this.#above.has(folder); folder = parentOf(folder)) {
      this.#above.add(folder);
      rest.add(folder);
    }
  }

  #groundOf(path: ByteString, stat: Stat, known: FileLook | undefined, above: Ground | undefined): Ground {
    const { device } = stat;
    const isSameFolder = known !== undefined && isSameInode(known, stat) && !this.#deps.own.has(stat);
    const isPlain = isSameFolder && (path === root || (above !== undefined && this.#isPlainIn(path, stat, above)));
    // Nearly all are as the one above: one object for all of them.
    return above?.isPlain === isPlain && above.device === device ? above : { device, isPlain };
  }

  #isPlainIn(path: ByteString, stat: Stat, above: Ground): boolean {
    if (!above.isPlain) return false;
    if (stat.device === above.device) return true;
    const parent = this.#deps.folders.at(parentOf(path));
    return strangerBehind(stat) === undefined && !isAutomount(parent, nameOf(path));
  }
}
