/** A set of very many paths, in byte order: asked what of it lies in a stretch of a manifest, it looks at a few of them only. */
import { type ByteString, parentOf } from "../../core/format/path.ts";

export class SortedPaths {
  readonly #paths: readonly ByteString[];
  readonly #longest: number;

  constructor(paths: Iterable<ByteString>) {
    const sorted = [...paths].sort();
    this.#paths = sorted.filter((path, number) => path !== sorted[number - 1]);
    this.#longest = this.#paths.reduce((most, { length }) => Math.max(most, length), 0);
  }

  get size(): number {
    return this.#paths.length;
  }

  [Symbol.iterator](): Iterator<ByteString> {
    return this.#paths[Symbol.iterator]();
  }

  /** Returns the place of a path; undefined if it is none of them. */
  placeOf(path: ByteString): number | undefined {
    const place = this.#placeFrom(path);
    return this.#paths[place] === path ? place : undefined;
  }

  /** Returns whether one lies from `first` up to, not including, `next` (undefined: the end). */
  hasWithin(first: ByteString, next: ByteString | undefined): boolean {
    const found = this.#paths[this.#placeFrom(first)];
    return found !== undefined && (next === undefined || found < next);
  }

  /** Returns whether one before `first` may have something below it from `first` up to, not including, `next`. */
  hasAbove(first: ByteString, next: ByteString | undefined): boolean {
    // Entries below sort from `path/` up to `path0`, since `0` comes after `/`. So `first` begins with such a path.
    for (let end = Math.min(this.#longest, first.length - 1); end > 0; end -= 1) {
      if (first.charCodeAt(end) > slash) continue;
      const path = first.slice(0, end) as ByteString;
      if ((next === undefined || `${path}/` < next) && this.placeOf(path) !== undefined) return true;
    }
    return false;
  }

  /** Returns the place of the first that is not before `path`. */
  #placeFrom(path: ByteString): number {
    let [low, high] = [0, this.#paths.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#paths[middle] ?? path) < path) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const slash = 0x2f;

/** Returns all folders in which the paths lie, up to `/`. */
export function foldersAbove(paths: Iterable<ByteString>): Set<ByteString> {
  const folders = new Set<ByteString>();
  for (const path of paths) {
    for (let step = path; step !== "/"; ) {
      step = parentOf(step);
      if (folders.has(step)) break;
      folders.add(step);
    }
  }
  return folders;
}
