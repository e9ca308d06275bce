/**
 * Globs as shells have them. Made for names that anyone may choose: the time that a comparison takes grows with the length of the text
 * times that of the glob, whatever they hold. A regular expression tries ways in numbers that grow much faster.
 */

/** Returns whether steps of a path match. */
export type Glob = (steps: readonly string[]) => boolean;

/** Any number of items: characters of a name, or folders of a path. */
const anyNumber = Symbol("any number");
type Any = typeof anyNumber;

type FitsCharacter = (character: string) => boolean;
type StepGlob = readonly (FitsCharacter | Any)[];

/** Globs that one with braces stands for. */
const mostAlternatives = 1_024;

/** Returns what `{a,b}` stands for, without these braces. Throws an Error if that is too much. */
export function alternativesOf(glob: string): string[] {
  const group = firstGroup(glob);
  if (group === undefined) return [glob];
  const rests = alternativesOf(glob.slice(group.end));
  const alternatives: string[] = [];
  for (const one of group.words.flatMap(alternativesOf)) {
    for (const rest of rests) alternatives.push(glob.slice(0, group.start) + one + rest);
    if (alternatives.length > mostAlternatives)
      throw new Error(`its braces stand for more than ${mostAlternatives} patterns`);
  }
  return alternatives;
}

type BraceGroup = { readonly start: number; readonly end: number; readonly words: readonly string[] };

/** As in shells, a brace that is not closed, or has no comma, is a character like others. */
function firstGroup(glob: string): BraceGroup | undefined {
  for (let start = 0; start < glob.length; start += glob[start] === "\\" ? 2 : 1) {
    const group = glob[start] === "{" ? groupAt(glob, start) : undefined;
    if (group !== undefined) return group;
  }
  return undefined;
}

function groupAt(glob: string, start: number): BraceGroup | undefined {
  const words: string[] = [];
  let word = start + 1;
  let depth = 0;
  for (let at = start; at < glob.length; at += glob[at] === "\\" ? 2 : 1) {
    const character = glob[at];
    if (character === "{") depth += 1;
    else if (character === "}") depth -= 1;
    if (depth > 1 || !(depth === 0 || character === ",")) continue;
    words.push(glob.slice(word, at));
    word = at + 1;
    if (depth === 0) return words.length < 2 ? undefined : { start, end: word, words };
  }
  return undefined;
}

/** Returns the glob of a path: `**` is any number of folders, and at the end, all below. `glob`: without braces. */
export function pathGlob(glob: string): Glob {
  const steps = stepsIn([...glob]);
  if (steps.at(-1) === anyNumber) steps.push([anyNumber]);
  return (path) => matches(path, steps, (step, name) => matches([...name], step, (fits, character) => fits(character)));
}

/** A glob of paths that is compared one step at a time: so all folders above a path cost no more than the path alone. */
export type SteppedGlob = {
  /** Where a comparison begins: at `/`. */
  readonly start: GlobPlaces;
  /** Returns where it is after one more step of the path. */
  next(places: GlobPlaces, name: readonly string[]): GlobPlaces;
  /** Returns whether the path so far matches. */
  isMatch(places: GlobPlaces): boolean;
};

/** Steps of the glob that may come next. */
export type GlobPlaces = readonly number[];

/** As `pathGlob`. Names are given as their characters. */
export function steppedGlob(glob: string): SteppedGlob {
  const steps = stepsIn([...glob]);
  if (steps.at(-1) === anyNumber) steps.push([anyNumber]);
  // "Any number" may be none.
  const withSkips = (places: Iterable<number>) => {
    const all = new Set<number>();
    for (const place of places) for (let at = place; all.add(at) && steps[at] === anyNumber; ) at += 1;
    return [...all];
  };
  const after = (place: number, name: readonly string[]) => {
    const step = steps[place];
    if (step === undefined) return [];
    if (step === anyNumber) return [place];
    return matches(name, step, (fits, character) => fits(character)) ? [place + 1] : [];
  };
  return {
    start: withSkips([0]),
    next: (places, name) => withSkips(places.flatMap((place) => after(place, name))),
    isMatch: (places) => places.includes(steps.length),
  };
}

function stepsIn(glob: readonly string[]): (StepGlob | Any)[] {
  const steps: (StepGlob | Any)[] = [];
  let start = 0;
  for (let at = 0; at <= glob.length; at += 1) {
    if (at < glob.length && glob[at] !== "/") continue;
    const step = glob.slice(start, at);
    steps.push(step.join("") === "**" ? anyNumber : stepGlob(step));
    start = at + 1;
  }
  return steps;
}

function stepGlob(step: readonly string[]): StepGlob {
  const glob: (FitsCharacter | Any)[] = [];
  for (let at = 0; at < step.length; ) {
    const { item, end } = itemAt(step, at);
    glob.push(item);
    at = end;
  }
  return glob;
}

type GlobItem = { readonly item: FitsCharacter | Any; readonly end: number };

function itemAt(step: readonly string[], at: number): GlobItem {
  const character = step[at] ?? "";
  const next = step[at + 1];
  if (character === "*") return { item: anyNumber, end: at + 1 };
  if (character === "?") return { item: () => true, end: at + 1 };
  if (character === "\\" && next !== undefined) return { item: (one) => one === next, end: at + 2 };
  const bracket = character === "[" ? bracketAt(step, at) : undefined;
  return bracket ?? { item: (one) => one === character, end: at + 1 };
}

/** `[a-z]`, `[!a-z]`. Undefined if it is not closed: then its beginning is a character like others. */
function bracketAt(step: readonly string[], start: number): GlobItem | undefined {
  const isNegated = step[start + 1] === "!" || step[start + 1] === "^";
  const first = start + (isNegated ? 2 : 1);
  const ranges: { readonly from: string; readonly to: string }[] = [];
  for (let at = first; at < step.length; ) {
    if (step[at] === "]" && at > first) {
      // The first character of a range counts by itself, as in git: so `[b-a]` is `b`.
      const isInside = (one: string) => ranges.some(({ from, to }) => one === from || isBetween(from, one, to));
      return { item: (one) => isInside(one) !== isNegated, end: at + 1 };
    }
    const from = characterAt(step, at);
    const isRange = step[from.end] === "-" && step[from.end + 1] !== undefined && step[from.end + 1] !== "]";
    const to = isRange ? characterAt(step, from.end + 1) : from;
    ranges.push({ from: from.character, to: to.character });
    at = to.end;
  }
  return undefined;
}

function characterAt(step: readonly string[], at: number): { readonly character: string; readonly end: number } {
  const next = step[at + 1];
  if (step[at] === "\\" && next !== undefined) return { character: next, end: at + 2 };
  return { character: step[at] ?? "", end: at + 1 };
}

function isBetween(from: string, one: string, to: string): boolean {
  const point = (character: string) => character.codePointAt(0) ?? 0;
  return point(from) <= point(one) && point(one) <= point(to);
}

function isAny(one: unknown): one is Any {
  return one === anyNumber;
}

type Fits<Item, One> = (one: One, item: Item) => boolean;

/** Compares each item with one of the glob. If one does not fit, only the last "any number" takes one more: earlier ones need not. */
function matches<Item, One>(items: readonly Item[], glob: readonly (One | Any)[], fits: Fits<Item, One>): boolean {
  const fitsAt = (at: number, next: number) => {
    const item = items[at];
    const one = glob[next];
    return item !== undefined && one !== undefined && !isAny(one) && fits(one, item);
  };
  let [at, next] = [0, 0];
  let retry: { readonly at: number; readonly next: number } | undefined;
  while (at < items.length) {
    if (glob[next] === anyNumber) {
      next += 1;
      retry = { at, next };
    } else if (fitsAt(at, next)) {
      at += 1;
      next += 1;
    } else if (retry === undefined) return false;
    else {
      retry = { at: retry.at + 1, next: retry.next };
      ({ at, next } = retry);
    }
  }
  return glob.slice(next).every((one) => one === anyNumber);
}
