/** Selects the entries to restore: all, or some paths with everything below them; of these, those that patterns choose. */
import { exitStatus, Failure } from "../../core/failure.ts";
import { fromArgument } from "../../core/format/argument.ts";
import { type ByteString, parentOf } from "../../core/format/path.ts";
import { IgnoreRules } from "./ignore-rules.ts";
import { IncludeReach } from "./include-reach.ts";
import { foldersAbove, SortedPaths } from "./sorted-paths.ts";

/** Role of an entry. `leads`: a folder above a selected path. `may lead`: a folder in which something may be included. */
export type Role = "selected" | "leads" | "may lead" | "none";

/** Patterns as in a `.gitignore` in `/`. Without any of the first, all is included. */
export type Patterns = { readonly include: readonly string[]; readonly exclude: readonly string[] };

export const noPatterns: Patterns = { include: [], exclude: [] };

const everything = "/" as ByteString;

export class Selection {
  readonly #paths: SortedPaths;
  readonly #parents: SortedPaths;
  /** 1 at the place of each path that was found. */
  readonly #found: Uint8Array;
  readonly #include: IgnoreRules;
  readonly #exclude: IgnoreRules;
  readonly #reach: IncludeReach;
  /** Whether no paths are named. */
  readonly all: boolean;

  /**
   * `paths`: as in the backup; empty for everything. Folders above them are restored too, unless `isThere` finds them in the
   * target.
   */
  constructor(paths: readonly string[], isThere: (folder: ByteString) => boolean, patterns = noPatterns) {
    this.#include = new IgnoreRules(patterns.include);
    this.#exclude = new IgnoreRules(patterns.exclude);
    this.#reach = new IncludeReach(patterns.include, isThere);
    this.#paths = new SortedPaths(paths.length === 0 ? [everything] : paths.map((path) => parsePath(path)));
    this.all = this.#paths.placeOf(everything) !== undefined;
    this.#found = new Uint8Array(this.#paths.size);
    this.#parents = new SortedPaths([...foldersAbove(this.#paths)].filter((folder) => !isThere(folder)));
  }

  /** Whether all entries are selected. */
  get isWhole(): boolean {
    return this.all && this.#include.isEmpty && this.#exclude.isEmpty;
  }

  role(path: ByteString, isFolder = false): Role {
    const selecting = this.#selecting(path);
    if (selecting !== undefined) {
      this.#found[selecting] = 1;
      return this.#chosen(path, isFolder);
    }
    return this.#parents.placeOf(path) === undefined ? "none" : "leads";
  }

  /** Returns the selected paths that no call of `role` has found. */
  missing(): ByteString[] {
    return [...this.#paths].filter((_, place) => this.#found[place] === 0);
  }

  /** Returns the selected paths that a call of `role` has found. */
  found(): ByteString[] {
    return [...this.#paths].filter((_, place) => this.#found[place] === 1);
  }

  /** Returns whether a selected entry may lie from `first` up to, not including, `next` (undefined: the end). */
  concerns(first: ByteString, next: ByteString | undefined): boolean {
    if (this.#paths.hasWithin(first, next) || this.#parents.hasWithin(first, next)) return true;
    return (this.all || this.#paths.hasAbove(first, next)) && this.#reach.concerns(first, next);
  }

  #chosen(path: ByteString, isFolder: boolean): Role {
    if (this.#exclude.covers(path, isFolder)) return "none";
    if (this.#include.isEmpty || this.#include.covers(path, isFolder)) return "selected";
    return isFolder ? "may lead" : "none";
  }

  /** Returns the place of the path that selects this one. */
  #selecting(path: ByteString): number | undefined {
    if (this.all) return this.#paths.placeOf(everything);
    for (let step = path; step !== everything; step = parentOf(step)) {
      const place = this.#paths.placeOf(step);
      if (place !== undefined) return place;
    }
    return undefined;
  }
}

/** Returns a path of the command line as it is in backups. Throws a Failure (exit 2) if it cannot be one. */
export function parsePath(path: string, doing = "restore"): ByteString {
  const plain = unusualSlashes.test(path) ? path.replace(/\/+/g, "/").replace(/(?<=.)\/$/, "") : path;
  if (plain.startsWith("/") && !relativeStep.test(plain)) return fromArgument(plain);
  throw new Failure({
    doing,
    what: path,
    why: "paths in a backup are absolute",
    remedy: "write it from /, without . and .. in it",
    exit: exitStatus.usage,
  });
}

const unusualSlashes = /\/\/|.\/$/;
const relativeStep = /\/\.\.?(?:\/|$)/;
