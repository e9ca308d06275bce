/**
 * Patterns as a `.gitignore` in `/` has them: the last one that matches decides; `!` takes back; what lies in a folder that is covered is
 * covered, too, whatever later patterns say of it.
 *
 * Anyone may choose the names that are compared: see `glob.ts` for the time that this takes.
 */
import { exitStatus, Failure } from "../../core/failure.ts";
import { argumentText } from "../../core/format/argument.ts";
import { type ByteString, baseName, parentOf, toBytes } from "../../core/format/path.ts";
import { type GlobPlaces, type SteppedGlob, steppedGlob } from "./glob.ts";

type IgnoreRule = {
  /** Undefined for a pattern that is compared with names alone. */
  readonly glob: SteppedGlob;
  readonly comparesNames: boolean;
  readonly isNegated: boolean;
  readonly foldersOnly: boolean;
};

/** What is known of a folder: whether it is covered, and where its rules are in comparing paths. */
type IgnoredFolder = { readonly isCovered: boolean; readonly places: readonly GlobPlaces[] };

/** Longest pattern, and most patterns: the time that one name takes grows with both. */
const longest = 4_096;
const most = 1_000;
/** Bound on folders that are remembered. */
const mostKnown = 1_024;

const root = "/" as ByteString;

export class IgnoreRules {
  readonly #rules: readonly IgnoreRule[];
  readonly #known = new Map<ByteString, IgnoredFolder>();

  /** Throws a Failure (exit 2) for a pattern that cannot be used. */
  constructor(patterns: readonly string[]) {
    if (patterns.length > most) throw unusable(`${patterns.length} patterns`, `more than ${most} are too many`);
    this.#rules = patterns.map(ruleOf);
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  covers(path: ByteString, isFolder: boolean): boolean {
    if (this.isEmpty || path === root) return false;
    const above = this.#folder(parentOf(path));
    return above.isCovered || this.#step(above, baseName(path), isFolder).isCovered;
  }

  /** Goes up to a folder that is known, and down again. */
  #folder(path: ByteString): IgnoredFolder {
    const below: ByteString[] = [];
    let way = path;
    let known = this.#known.get(way);
    for (; known === undefined && way !== root; known = this.#known.get(way)) {
      below.push(way);
      way = parentOf(way);
    }
    let folder = known ?? { isCovered: false, places: this.#rules.map(({ glob }) => glob.start) };
    for (const next of below.toReversed()) {
      if (!folder.isCovered) folder = this.#step(folder, baseName(next), true);
      if (this.#known.size >= mostKnown) this.#known.clear();
      this.#known.set(next, folder);
    }
    return folder;
  }

  #step({ places }: IgnoredFolder, name: ByteString, isFolder: boolean): IgnoredFolder {
    const characters = [...argumentText(toBytes(name))];
    let isCovered = false;
    const after = this.#rules.map(({ glob, comparesNames, isNegated, foldersOnly }, number) => {
      const next = glob.next(comparesNames ? glob.start : (places[number] ?? []), characters);
      if (glob.isMatch(next) && (isFolder || !foldersOnly)) isCovered = !isNegated;
      return next;
    });
    return { isCovered, places: after };
  }
}

/** Throws a Failure (exit 2) for patterns that cannot be used. */
export function checkPatterns(patterns: readonly string[]): void {
  new IgnoreRules(patterns);
}

function ruleOf(pattern: string): IgnoreRule {
  if (pattern.length > longest) throw unusable(pattern, `it is longer than ${longest} characters`);
  if (/\[\[:[a-z]+:\]/.test(pattern)) throw unusable(pattern, "classes of characters have no names here");
  if (/(?<!\\)(?:\\\\)*\\$/.test(pattern)) throw unusable(pattern, "it ends with a backslash");
  const isNegated = pattern.startsWith("!");
  const positive = pattern.slice(isNegated ? 1 : 0);
  const foldersOnly = positive.endsWith("/");
  const plain = positive.slice(0, foldersOnly ? -1 : undefined);
  if (plain === "") throw unusable(pattern, "it matches nothing");
  const comparesNames = !plain.includes("/");
  // Stars that do not stand alone between slashes match within one name.
  const steps = plain.replace(/^\//, "").split("/");
  const globs = steps.map((step) => (comparesNames ? step.replace(/^\*+$/, "*") : step.replace(/^\*{2,}$/, "**")));
  return { glob: steppedGlob(globs.join("/")), comparesNames, isNegated, foldersOnly };
}

function unusable(pattern: string, why: string): Failure {
  return new Failure({
    doing: "use the pattern",
    what: pattern,
    why,
    remedy: "write it as in a .gitignore: *.log, /var/cache/, !/var/cache/keep, [0-9]",
    exit: exitStatus.usage,
  });
}
