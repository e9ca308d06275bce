/**
 * The state database's table of files: what the last run saw under each path, enough to notice whether a file changed, and its
 * whole manifest entry. Object numbers in `extents` are ids of the state database.
 */
import type { Database, Statement } from "bun:sqlite";
import type { EntryHead } from "../../format/entry-json.ts";
import type { ExtentsText } from "../../format/entry-row.ts";
import type { ByteString } from "../../format/path.ts";
import { PartTable } from "./parts.ts";

export type FileRow = {
  readonly path: ByteString;
  /** Empty if the next run must read the file whatever it looks like. */
  readonly fingerprint: string;
  readonly head: EntryHead;
  /** Null for anything but files. */
  readonly extents: ExtentsText | null;
  /** Length of the file, 0 for anything else. */
  readonly bytes: number;
};

/** What tells whether a file may stay as it is: all that is read of the rows of unchanged ones. */
export type FileLook = Pick<FileRow, "path" | "fingerprint" | "extents">;

type LookColumns = [path: ByteString, fingerprint: string, extents: ExtentsText | null];

type FileColumns = [path: ByteString, fingerprint: string, head: EntryHead, extents: ExtentsText | null, bytes: number];

const pageSize = 2_000;

/** Sorts behind `path` and before every other path, since no path holds a NUL. */
export function justAfter(path: ByteString): string {
  return `${path}\0`;
}

export class FileTable {
  readonly #page: Statement<unknown, [string]>;
  readonly #database: Database;
  readonly #one: Statement<FileRow, [string]>;
  readonly #upsert: Statement<unknown, FileColumns>;
  readonly #drop: Statement<unknown, [string]>;
  readonly #parts: PartTable;

  constructor(database: Database) {
    this.#database = database;
    this.#parts = new PartTable(database);
    this.#page = database.query(
      `SELECT path, fingerprint, head, extents, bytes FROM files WHERE path >= ? ORDER BY path LIMIT ${pageSize}`,
    );
    this.#one = database.query("SELECT path, fingerprint, head, extents, bytes FROM files WHERE path = ?");
    this.#upsert = database.query("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)");
    this.#drop = database.query("DELETE FROM files WHERE path = ?");
  }

  /**
   * Yields rows in byte order of path: all, or those from `from` on and before `until`. Rows may be set and removed
   * meanwhile, at or before the one reached.
   */
  *inOrder(from = "", until?: ByteString): Generator<FileRow> {
    let start = from;
    for (;;) {
      const rows = this.#page.values(start) as FileColumns[];
      for (const [path, fingerprint, head, extents, bytes] of rows) {
        if (until !== undefined && path >= until) return;
        yield { path, fingerprint, head, extents, bytes };
      }
      const end = rows.at(-1);
      if (rows.length < pageSize || end === undefined) return;
      start = justAfter(end[0]);
    }
  }

  /** Yields all rows as `inOrder` does, in half the time. `extents` is null for all of them if it is not asked for. */
  *looksInOrder({ extents: isWanted }: { readonly extents: boolean }): Generator<FileLook> {
    const page = this.#database.query<unknown, [string]>(
      `SELECT path, fingerprint, ${isWanted ? "extents" : "NULL"} FROM files WHERE path >= ? ORDER BY path LIMIT ${pageSize}`,
    );
    let start = "";
    for (;;) {
      const rows = page.values(start) as LookColumns[];
      for (const [path, fingerprint, extents] of rows) yield { path, fingerprint, extents };
      const end = rows.at(-1);
      if (rows.length < pageSize || end === undefined) return;
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
}
