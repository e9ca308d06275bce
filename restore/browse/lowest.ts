/** Merges what lies in several lists in byte order of path: gives the one whose path is the lowest, of those the first that was added. */
import type { ByteString } from "../../core/format/path.ts";

/** `list`: number of the list that it belongs to. */
export type AtPath = { readonly path: ByteString; readonly list: number };

export class Lowest<T extends AtPath> {
  /** A heap: each is before those at twice its place and one or two more. */
  readonly #heap: T[] = [];

  get first(): T | undefined {
    return this.#heap[0];
  }

  add(item: T): void {
    this.#heap.push(item);
    for (let at = this.#heap.length - 1; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, above)) return;
      at = above;
    }
  }

  /** Returns those before a path, or all if it is undefined, in no order; undefined if they are more than `most`. */
  before(path: ByteString | undefined, most: number): T[] | undefined {
    const found: T[] = [];
    const places = [0];
    for (let at = places.pop(); at !== undefined; at = places.pop()) {
      const item = this.#heap[at];
      if (item === undefined || (path !== undefined && item.path >= path)) continue;
      if (found.push(item) > most) return undefined;
      places.push(2 * at + 1, 2 * at + 2);
    }
    return found;
  }

  /** Takes the first one. */
  take(): T | undefined {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    this.#heap[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const lower = this.#isBefore(right, left) ? right : left;
      if (!this.#swapIfBefore(lower, at)) return first;
      at = lower;
    }
  }

  #swapIfBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined || !this.#isBefore(one, other)) return false;
    this.#heap[one] = b;
    this.#heap[other] = a;
    return true;
  }

  #isBefore(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return false;
    return a.path === b.path ? a.list < b.list : a.path < b.path;
  }
}
