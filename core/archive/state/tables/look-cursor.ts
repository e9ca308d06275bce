/**
 * Finds what the last run saw of one path after another. Where paths come in byte order, or nearly, rows are read page by page, and each
 * costs one step; a path anywhere else costs a query.
 */
import type { ByteString } from "../../../format/path.ts";
import { type FileLook, type FileTable, justAfter } from "./files.ts";

/** Rows of a page: more as long as most of them are asked for. */
const fewest = 16;
const most = 1_024;

export class LookCursor {
  readonly #files: FileTable;
  readonly #extents: boolean;
  #rows: readonly FileLook[] = [];
  /** The page has all rows of paths from `#from` on and before `#until`; undefined is behind all paths. */
  #from = "";
  #until: string | undefined = "";
  /** Where the next path is expected. */
  #next = 0;
  #asked = 0;
  #size = fewest;

  /** Extents are read only if they are asked for. */
  constructor(files: FileTable, { extents }: { readonly extents: boolean }) {
    this.#files = files;
    this.#extents = extents;
  }

  /** Returns what was seen under a path. Rows may be set and removed meanwhile, at or before the paths that were asked for. */
  at(path: ByteString): FileLook | undefined {
    if (path < this.#from || (this.#until !== undefined && path >= this.#until)) this.#turnTo(path);
    const next = this.#rows[this.#next];
    if (next?.path !== path) this.#next = this.#indexOf(path);
    const row = this.#rows[this.#next];
    if (row?.path !== path) return undefined;
    this.#next += 1;
    this.#asked += 1;
    return row;
  }

  /** Call when rows were removed behind the paths that were asked for. */
  refresh(): void {
    this.#until = "";
  }

  #turnTo(path: ByteString): void {
    const isDense = 2 * this.#asked >= this.#rows.length;
    this.#size = isDense ? Math.min(most, 2 * this.#size) : Math.max(fewest, this.#size / 2);
    this.#rows = this.#files.looksFrom(path, { rows: this.#size, extents: this.#extents });
    const last = this.#rows.at(-1);
    this.#from = path;
    this.#until = last && justAfter(last.path);
    this.#next = 0;
    this.#asked = 0;
  }

  /** Returns where the first row is whose path is not before this one. */
  #indexOf(path: ByteString): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#rows[middle];
      if (row !== undefined && row.path < path) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
