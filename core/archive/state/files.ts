/**
 * The state database's table of files: what the last run saw under each path, enough to notice whether a file changed, and its
 * whole manifest entry. Object numbers in `extents` are ids of the state database. Segments of a file have rows of their own,
 * below its path. Dumps that lie in chunks have such a table, too.
 */
import type { Database, Statement } from "bun:sqlite";
import type { EntryHead } from "../../format/entry-json.ts";
import type { ExtentsText } from "../../format/entry-row.ts";
import type { ByteString } from "../../format/path.ts";
import { behindSegments, isSegmentHead, segmentPath } from "../../format/segment.ts";
import { PartTable } from "./parts.ts";
import { type Tree, tablesOf, trees } from "./trees.ts";

export type FileRow = {
  readonly path: ByteString;
  /** Empty if the next run must read the file whatever it looks like. Of a segment, its digest. */
  readonly fingerprint: string;
  readonly head: EntryHead;
  /** Null for anything but files. */
  readonly extents: ExtentsText | null;
  /** Length of the file, 0 for anything else. */
  readonly bytes: number;
};

/** What shows whether a file may stay as it is: all that is read of the rows of unchanged ones. */
export type FileLook = Pick<FileRow, "path" | "fingerprint" | "extents"> & { readonly head: EntryHead | null };

type LookColumns = [path: ByteString, fingerprint: string];

type FileColumns = [path: ByteString, fingerprint: string, head: EntryHead, extents: ExtentsText | null, bytes: number];

/** Bounds of what is read ahead: rows, and characters of them. A row may have many MiB. */
const page = { rows: 2_000, characters: 4 * 1024 * 1024 } as const;

/** Sorts behind `path` and before every other path, since no path holds a NUL. */
export function justAfter(path: ByteString): string {
  return `${path}\0`;
}

export class FileTable {
  readonly #database: Database;
  readonly #rows: string;
  readonly #one: Statement<FileRow, [string]>;
  readonly #upsert: Statement<unknown, FileColumns>;
  readonly #drop: Statement<unknown, [string]>;
  readonly #parts: PartTable;

  constructor(database: Database, tree: Tree = "files") {
    this.#database = database;
    this.#rows = tablesOf[tree].rows;
    this.#parts = new PartTable(database, tree);
    this.#one = database.query(`SELECT path, fingerprint, head, extents, bytes FROM ${this.#rows} WHERE path = ?`);
    this.#upsert = database.query(`INSERT OR REPLACE INTO ${this.#rows} VALUES (?, ?, ?, ?, ?)`);
    this.#drop = database.query(`DELETE FROM ${this.#rows} WHERE path = ?`);
  }

  /**
   * Yields rows in byte order of path: all, or those from `from` on and before `until`. Rows may be set and removed
   * meanwhile, at or before the one reached.
   */
  *inOrder(from = "", until?: ByteString): Generator<FileRow> {
    let start = from;
    for (;;) {
      const rows = this.#page(start);
      for (const row of rows) {
        if (until !== undefined && row.path >= until) return;
        yield row;
      }
      const end = rows.at(-1);
      if (end === undefined) return;
      start = justAfter(end.path);
    }
  }

  #page(start: string): FileRow[] {
    const query = this.#database.query<FileRow, [string]>(
      `SELECT path, fingerprint, head, extents, bytes FROM ${this.#rows} WHERE path >= ? ORDER BY path LIMIT ${page.rows}`,
    );
    const rows: FileRow[] = [];
    let characters = 0;
    for (const row of query.iterate(start)) {
      rows.push(row);
      characters += row.head.length + (row.extents?.length ?? 0);
      if (characters >= page.characters) break;
    }
    return rows;
  }

  /** Yields the rows of a file's segments in order. */
  segmentsOf(file: ByteString): Generator<FileRow> {
    return this.inOrder(segmentPath(file, 0), behindSegments(file));
  }

  /** Yields all rows as `inOrder` does. Without `content`, head and extents are null, and it takes half the time. */
  *looksInOrder({ content }: { readonly content: boolean }): Generator<FileLook> {
    if (content) return yield* this.inOrder();
    const query = this.#database.query<unknown, [string]>(
      `SELECT path, fingerprint FROM ${this.#rows} WHERE path >= ? ORDER BY path LIMIT ${page.rows}`,
    );
    let start = "";
    for (;;) {
      const rows = query.values(start) as LookColumns[];
      for (const [path, fingerprint] of rows) yield { path, fingerprint, head: null, extents: null };
      const end = rows.at(-1);
      if (rows.length < page.rows || end === undefined) return;
      start = justAfter(end[0]);
    }
  }

  get(path: ByteString): FileRow | undefined {
    return this.#one.get(path) ?? undefined;
  }

  set({ path, fingerprint, head, extents, bytes }: FileRow): void {
    this.#upsert.run(path, fingerprint, head, extents, bytes);
    this.#parts.changed(path);
  }

  remove(path: ByteString): void {
    this.#drop.run(path);
    this.#parts.changed(path);
  }

  /** Removes the rows of a file's segments. */
  removeSegments(file: ByteString): void {
    for (const { path, head } of this.segmentsOf(file)) if (isSegmentHead(head)) this.remove(path);
  }
}

/** Yields the rows of both trees. */
export function* rowsOfAll(database: Database): Generator<FileRow> {
  for (const tree of trees) yield* new FileTable(database, tree).inOrder();
}
