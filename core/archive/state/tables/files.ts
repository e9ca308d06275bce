/**
 * The state database's table of files: what the last run saw under each path, enough to notice whether a file changed, and its
 * whole manifest entry. Object numbers in `extents` are ids of the state database. Segments of a file have rows of their own,
 * below its path. Dumps that lie in chunks have such a table, too.
 *
 * Rows are packed: a million of them should not take long to read. Time and size are there once, for fingerprint and head.
 */
import type { Database, Statement } from "bun:sqlite";
import type { EntryHead } from "../../../format/entries/entry-json.ts";
import type { ExtentsText } from "../../../format/entries/entry-row.ts";
import { sameMoment } from "../../../format/entries/moment.ts";
import { behindSegments, isSegmentHead, segmentPath } from "../../../format/entries/segment.ts";
import type { ByteString } from "../../../format/path.ts";
import { FalseState } from "./false-state.ts";
import type { Fingerprint, MaybeFingerprint } from "./fingerprint.ts";
import { HeadTable, headOfPlain, type PackedHead, type PlainFile } from "./heads.ts";
import { extentsText, type PackedExtents } from "./packed-extents.ts";
import { type KnownPart, PartTable } from "./parts.ts";
import { type Tree, tablesOf, trees } from "./trees.ts";

export type FileRow = {
  readonly path: ByteString;
  /** Undefined if the next run must read the file whatever it looks like. */
  readonly fingerprint: Fingerprint | undefined;
  readonly head: EntryHead;
  /** Null for anything but files. */
  readonly extents: PackedExtents | null;
  /** Length of the file, 0 for anything else. */
  readonly bytes: number;
};

/** A row that is to be written. The head of a plain file is made of a look at it. */
export type RowToSet = Omit<FileRow, "head"> & { readonly head: EntryHead | PlainFile };

/** What shows whether a file may stay as it is: all that is read of the rows of unchanged ones. */
export type FileLook = MaybeFingerprint & Pick<FileRow, "path" | "extents"> & Pick<PackedRow, "number">;

/** A row as SQLite has it. */
type PackedRow = Pick<PackedHead, "head"> & {
  readonly path: ByteString;
  readonly number: number;
  readonly inode: number | string | null;
  readonly changedSeconds: number;
  readonly changedNanoseconds: number;
  readonly first: ByteString | null;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly size: number;
  readonly bytes: number | null;
  readonly extents: PackedExtents | null;
};

type PackedColumns = [
  path: ByteString,
  number: number,
  inode: number | string | null,
  changedSeconds: number,
  changedNanoseconds: number,
  first: ByteString | null,
  seconds: number,
  nanoseconds: number,
  size: number,
  bytes: number | null,
  head: number | string,
  extents: PackedExtents | null,
];

const print =
  "inode, changed_seconds AS changedSeconds, changed_nanoseconds AS changedNanoseconds, first, seconds, nanoseconds, size";
const looks = `path, number, ${print}`;
const all = `path, ${print}, bytes, head, extents`;

/** Bounds of what is read ahead: rows, and bytes of them. A row may have many MiB. */
const page = { rows: 2_000, bytes: 4 * 1024 * 1024 } as const;

/** Numbers that are of no row, beyond as many as there are rows: a set of numbers takes a bit for each. */
const sparseNumbers = 1_000_000;

/** Sorts behind `path` and before every other path, since no path holds a NUL. */
export function justAfter(path: ByteString): string {
  return `${path}\0`;
}

export class FileTable {
  readonly #database: Database;
  readonly #rows: string;
  readonly #one: Statement<PackedRow, [string]>;
  readonly #upsert: Statement<unknown, PackedColumns>;
  readonly #drop: Statement<unknown, [string]>;
  readonly #parts: PartTable;
  readonly #heads: HeadTable;
  /** Number of the row that was written last. */
  #last: number | undefined;
  #onChange: (path: ByteString) => void = () => {};

  constructor(database: Database, tree: Tree = "files") {
    this.#database = database;
    this.#rows = tablesOf[tree].rows;
    this.#parts = new PartTable(database, tree);
    this.#heads = new HeadTable(database);
    this.#one = database.query(`SELECT ${all} FROM ${this.#rows} WHERE path = ?`);
    this.#upsert = database.query(`INSERT OR REPLACE INTO ${this.#rows} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
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
        yield this.#unpack(row);
      }
      const end = rows.at(-1);
      if (end === undefined) return;
      start = justAfter(end.path);
    }
  }

  #page(start: string): PackedRow[] {
    const query = this.#database.query<PackedRow, [string]>(
      `SELECT ${all} FROM ${this.#rows} WHERE path >= ? ORDER BY path LIMIT ${page.rows}`,
    );
    return boundedPage(query.iterate(start), ({ head, extents }) => String(head).length + (extents?.length ?? 0));
  }

  /** Returns so many rows at most, in byte order of path, from `from` on and before `until`. */
  rowsBetween(from: string, until: string, most: number): FileRow[] {
    const query = this.#database.query<PackedRow, [string, string, number]>(
      `SELECT ${all} FROM ${this.#rows} WHERE path >= ? AND path < ? ORDER BY path LIMIT ?`,
    );
    return query.all(from, until, most).map((row) => this.#unpack(row));
  }

  /** Yields the rows of a file's segments in order. */
  segmentsOf(file: ByteString): Generator<FileRow> {
    return this.inOrder(segmentPath(file, 0), behindSegments(file));
  }

  /** Yields what shows whether files are as they were, of all rows, as `inOrder` does. */
  *looksInOrder(options: { readonly extents: boolean }): Generator<FileLook> {
    for (let start = ""; ; ) {
      const rows = this.looksFrom(start, { ...options, rows: page.rows });
      yield* rows;
      const end = rows.at(-1);
      if (end === undefined) return;
      start = justAfter(end.path);
    }
  }

  /** Returns the looks of so many rows at most from a path on, none if there are none behind it. Extents only if they are asked for. */
  looksFrom(start: string, { rows, extents }: { readonly rows: number; readonly extents: boolean }): FileLook[] {
    const query = this.#database.query<FileLook, [string, number]>(
      `SELECT ${looks}, ${extents ? "extents" : "NULL AS extents"} FROM ${this.#rows} WHERE path >= ? ORDER BY path LIMIT ?`,
    );
    if (!extents) return query.all(start, rows);
    return boundedPage(query.iterate(start, rows), (row) => row.extents?.length ?? 0);
  }

  /** Yields the looks of what lies below a path, its segments if it is a file. They may be removed meanwhile. */
  *looksBelow(path: ByteString): Generator<FileLook> {
    const query = this.#database.query<FileLook, [string, string]>(
      `SELECT ${looks}, NULL AS extents FROM ${this.#rows} WHERE path >= ? AND path < ? ORDER BY path LIMIT ${page.rows}`,
    );
    const isRoot = path === "/";
    const end = behindSegments(isRoot ? ("" as ByteString) : path);
    for (let start = isRoot ? justAfter(path) : `${path}/`; ; ) {
      const rows = query.all(start, end);
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      start = justAfter(last.path);
    }
  }

  get(path: ByteString): FileRow | undefined {
    const row = this.#one.get(path);
    return row === null ? undefined : this.#unpack(row);
  }

  /** Returns head and extents of a path as the texts that entries are made of. */
  textsOf(path: ByteString): { readonly head: EntryHead; readonly extents: ExtentsText | null } | undefined {
    const row = this.get(path);
    return row && { head: row.head, extents: row.extents && extentsText(row.extents, (object) => object) };
  }

  set(row: RowToSet): void {
    this.#last ??= this.#count().last;
    this.#last += 1;
    this.#upsert.run(...this.#packed(row, this.#last));
    this.#changed(row.path);
  }

  remove(path: ByteString): void {
    this.#drop.run(path);
    this.#changed(path);
  }

  #changed(path: ByteString): void {
    this.#parts.changed(path);
    this.#onChange(path);
  }

  /** Calls `onChange` with the path of each row that this table sets or removes from now on. */
  watch(onChange: (path: ByteString) => void): void {
    this.#onChange = onChange;
  }

  /** Adds a part of the rows that are there: see `PartTable.add`. */
  addPart(part: KnownPart, behind: string): void {
    this.#parts.add(part, behind);
  }

  /** Removes the rows of a file's segments. */
  removeSegments(file: ByteString): void {
    for (const { path, head } of this.segmentsOf(file)) if (isSegmentHead(head)) this.remove(path);
  }

  /**
   * Returns how many rows there are, and the greatest number of one: rows that are written from now on have greater ones. Numbers them
   * again if most numbers are of rows that are gone.
   */
  numbered(): { readonly rows: number; readonly last: number } {
    const found = this.#count();
    if (found.last <= 2 * found.rows + sparseNumbers) return found;
    this.#database.run(
      `UPDATE ${this.#rows} SET number = place FROM (SELECT path AS at, row_number() OVER (ORDER BY path) AS place FROM ${this.#rows})
       WHERE path = at`,
    );
    this.#last = undefined;
    return this.#count();
  }

  #count(): { readonly rows: number; readonly last: number } {
    const query = this.#database.query<{ rows: number; last: number | null }, []>(
      `SELECT count(*) AS rows, max(number) AS last FROM ${this.#rows}`,
    );
    const found = query.get();
    return { rows: found?.rows ?? 0, last: found?.last ?? 0 };
  }

  #packed(row: RowToSet, number: number): PackedColumns {
    const { path, fingerprint, head, extents, bytes } = row;
    if (typeof head !== "string") {
      const kind = this.#heads.kindOf(head);
      if (kind !== undefined && fingerprint !== undefined) return columnsOfPlain(row, fingerprint, number, kind);
      return this.#packed({ ...row, head: headOfPlain(path, head) }, number);
    }
    const { inode = null, changedSeconds = 0, changedNanoseconds = 0, first = null } = fingerprint ?? {};
    const packed = this.#heads.pack(path, head);
    const fits = fingerprint === undefined || isIn(packed, fingerprint);
    const { seconds, nanoseconds } = fingerprint ?? packed.moment ?? { seconds: 0, nanoseconds: 0 };
    const size = fingerprint?.size ?? packed.size ?? 0;
    const ownBytes = bytes === size ? null : bytes;
    const times = [changedSeconds, changedNanoseconds, first, seconds, nanoseconds] as const;
    return [path, number, inode, ...times, size, ownBytes, fits ? packed.head : head, extents];
  }

  #unpack(row: PackedRow): FileRow {
    const { path, inode, first, seconds, nanoseconds, changedSeconds, changedNanoseconds, size, extents } = row;
    const times = { seconds, nanoseconds, changedSeconds, changedNanoseconds };
    if (extents !== null && !(extents instanceof Uint8Array))
      throw new FalseState("a row of a file in it has no extents");
    return {
      path,
      fingerprint: inode === null ? undefined : { inode, size, ...times, first },
      head: this.#heads.unpack(path, row.head, { seconds, nanoseconds }, size),
      extents,
      bytes: row.bytes ?? size,
    };
  }
}

/** Returns the columns of a plain file, whose fingerprint has its time and size. */
function columnsOfPlain(
  { path, extents }: RowToSet,
  { inode, changedSeconds, changedNanoseconds, first, seconds, nanoseconds, size }: Fingerprint,
  number: number,
  kind: number,
): PackedColumns {
  // Each by its name: there are millions.
  return [
    path,
    number,
    inode,
    changedSeconds,
    changedNanoseconds,
    first,
    seconds,
    nanoseconds,
    size,
    null,
    kind,
    extents,
  ];
}

/** Returns rows up to the bound of a page. */
function boundedPage<Row>(rows: Iterable<Row>, bytesOf: (row: Row) => number): Row[] {
  const taken: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    taken.push(row);
    bytes += bytesOf(row);
    if (bytes >= page.bytes) break;
  }
  return taken;
}

/** Returns whether time and size of a head are those of the fingerprint, so that they need not be kept twice. */
function isIn({ moment, size }: PackedHead, fingerprint: Fingerprint): boolean {
  return (moment === undefined || sameMoment(moment, fingerprint)) && (size ?? fingerprint.size) === fingerprint.size;
}

/** Yields the looks of both trees, with extents. */
export function* looksOfAll(database: Database): Generator<FileLook> {
  for (const tree of trees) yield* new FileTable(database, tree).looksInOrder({ extents: true });
}
