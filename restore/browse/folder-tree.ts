/**
 * Adds up what lies below folders, from entries in byte order of path. A folder's row comes after what is in it. Between a folder and its
 * content may come others, as `/a.txt` between `/a` and `/a/b`: so the folders that wait are those whose path begins the current one.
 */
import type { Entry } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";
import { stepBelow } from "./reach.ts";

/** What lies below a folder. `bytes`: sizes of files, holes included, each name of a file counted. */
export type Below = { readonly entries: number; readonly bytes: number };

export type ListedRow = {
  readonly path: ByteString;
  /** Undefined for a folder that only lies above others: the backup has no entry of it. */
  readonly entry: Entry | undefined;
  /** Undefined for all but folders. */
  readonly below: Below | undefined;
};

type OpenFolder = {
  readonly path: ByteString;
  readonly entry: Entry | undefined;
  /** The folder of a row that it lies in; undefined if that is `top`. */
  readonly above: OpenFolder | undefined;
  entries: number;
  bytes: number;
};

export class FolderTree {
  readonly #top: ByteString;
  readonly #recursive: boolean;
  /** Each one's path begins the path of the next. */
  readonly #open: OpenFolder[] = [];
  /** What was added before the row of a folder. */
  readonly #added = new Map<ByteString, { entries: number; bytes: number }>();

  /** `recursive`: rows of all that lies below `top`, not only of what lies in it. */
  constructor(top: ByteString, recursive: boolean) {
    this.#top = top;
    this.#recursive = recursive;
  }

  /** Adds what lies below a folder in `top` and is not read. Call before the entries around it. */
  add(folder: ByteString, { entries, bytes }: Below): void {
    const sum = this.#added.get(folder) ?? { entries: 0, bytes: 0 };
    this.#added.set(folder, { entries: sum.entries + entries, bytes: sum.bytes + bytes });
  }

  /** Takes the next entry, which lies below `top`. Yields the rows that are complete. */
  *take(entry: Entry): Generator<ListedRow> {
    const { path } = entry;
    yield* this.#closeUpTo(path);
    const above = this.#openAbove(path);
    if (above !== undefined) {
      above.entries += 1;
      if (entry.type === "file") above.bytes += entry.size;
    }
    if (!this.#recursive && stepBelow(this.#top, path) !== path) return;
    if (entry.type === "folder") this.#begin(path, entry, above);
    else {
      // Segments of its content sort as if they lay below it.
      this.#added.delete(path);
      yield { path, entry, below: undefined };
    }
  }

  *end(): Generator<ListedRow> {
    yield* this.#closeUpTo(undefined);
    // Folders of which nothing could be read.
    for (const [path, below] of this.#added) yield { path, entry: undefined, below };
  }

  *#closeUpTo(path: ByteString | undefined): Generator<ListedRow> {
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (path !== undefined && path < `${last.path}0`) return;
      this.#open.pop();
      const { entry, above, entries, bytes } = last;
      if (above !== undefined) {
        above.entries += entries;
        above.bytes += bytes;
      }
      yield { path: last.path, entry, below: { entries, bytes } };
    }
  }

  /** Returns the folder of a row that the path lies in; undefined if that is `top`. Begins those that have no entry. */
  #openAbove(path: ByteString): OpenFolder | undefined {
    let known = 0;
    let above: OpenFolder | undefined;
    const start = this.#top === "/" ? 1 : this.#top.length + 1;
    for (let end = path.indexOf("/", start); end >= 0; end = path.indexOf("/", end + 1)) {
      while ((this.#open[known]?.path.length ?? end) < end) known += 1;
      const open = this.#open[known];
      // Missing ones are longer than all that are open: those begin this path, and what is above them was begun before them.
      above = open?.path.length === end ? open : this.#begin(path.slice(0, end) as ByteString, undefined, above);
      if (!this.#recursive) return above;
    }
    return above;
  }

  #begin(path: ByteString, entry: Entry | undefined, above: OpenFolder | undefined): OpenFolder {
    const added = this.#added.get(path);
    this.#added.delete(path);
    const folder = { path, entry, above, entries: added?.entries ?? 0, bytes: added?.bytes ?? 0 };
    this.#open.push(folder);
    return folder;
  }
}
