/** Says where what some patterns include can lie, so that the rest of a manifest is not read. */
import { fromArgument } from "../../core/format/argument.ts";
import type { ByteString } from "../../core/format/path.ts";
import { foldersAbove, SortedPaths } from "./sorted-paths.ts";

export class IncludeReach {
  /** Folders in which all of it lies, or files that are it; undefined if it can be anywhere. */
  readonly #tops: SortedPaths | undefined;
  /** Folders that lead to it, and may have to be made. */
  readonly #parents: SortedPaths;

  /** `patterns`: as in `IgnoreRules`. */
  constructor(patterns: readonly string[], isThere: (folder: ByteString) => boolean) {
    const tops = patterns.filter((pattern) => !pattern.startsWith("!")).map(plainStart);
    const isAnywhere = patterns.length === 0 || tops.includes(undefined);
    this.#tops = isAnywhere ? undefined : new SortedPaths(tops.filter((top) => top !== undefined));
    this.#parents = new SortedPaths([...foldersAbove(this.#tops ?? [])].filter((folder) => !isThere(folder)));
  }

  /** Returns whether some of it, or a folder that leads to it, may lie from `first` up to, not including, `next` (undefined: the end). */
  concerns(first: ByteString, next: ByteString | undefined): boolean {
    if (this.#tops === undefined) return true;
    return (
      this.#tops.hasWithin(first, next) || this.#tops.hasAbove(first, next) || this.#parents.hasWithin(first, next)
    );
  }
}

/** Returns the steps of a path before the first that may stand for several names; undefined if there are none. */
function plainStart(pattern: string): ByteString | undefined {
  const plain = pattern.replace(/\/$/, "");
  // It is compared with names in all folders.
  if (!plain.includes("/")) return undefined;
  const steps = plain.replace(/^\//, "").split("/");
  const end = steps.findIndex((step) => step === "" || /[*?[\\]/.test(step));
  const start = end < 0 ? steps : steps.slice(0, end);
  return start.length === 0 ? undefined : fromArgument(`/${start.join("/")}`);
}
