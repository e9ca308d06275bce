/** Says what of the target may be replaced. */
import type { Entry, PartEntry } from "../../core/format/entries/entry.ts";
import { isContinued } from "../../core/format/entries/segment.ts";
import type { ByteString } from "../../core/format/path.ts";
import type { Stat } from "../../core/system/filesystem/stat.ts";
import { type FoldersByPath, statIn } from "./target-view.ts";
import { isUnfinished } from "./unfinished.ts";

/**
 * `never`: what is there stays. `if-changed`: what differs from the backup is replaced. `if-newer`: only if the backup has a later
 * modification time. `always`: files are written again even if they are the same.
 */
export type Overwrite = "never" | "if-changed" | "if-newer" | "always";

/** Folders that this restore has made, or one that it continues, are none that were there. */
export class Overwriting {
  readonly #target: FoldersByPath;
  readonly #overwrite: Overwrite;
  /** Files that stay, and of which segments follow. */
  readonly #continued = new Set<ByteString>();

  constructor(target: FoldersByPath, overwrite: Overwrite) {
    this.#target = target;
    this.#overwrite = overwrite;
  }

  /** Returns whether what is in the place of an entry stays as it is. */
  keeps(entry: PartEntry): boolean {
    if (this.#overwrite !== "never" && this.#overwrite !== "if-newer") return false;
    if (entry.type === "segment") return this.#continued.has(entry.file);
    const found = statIn(this.#target, entry.path);
    if (found === undefined || isUnfinished(found) || !this.#stays(entry, found)) return false;
    if (isContinued(entry)) this.#continued.add(entry.path);
    return true;
  }

  #stays({ modified }: Entry, found: Stat): boolean {
    if (this.#overwrite === "never") return true;
    const { seconds, nanoseconds } = found.modified;
    if (seconds !== modified.seconds) return seconds > modified.seconds;
    return nanoseconds >= modified.nanoseconds;
  }
}
