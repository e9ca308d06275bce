/**
 * The parts of the last manifest, as ranges of file rows: each reaches from its first path to that of the next. A part
 * goes stale when a row in its range is set or removed; one that is not stale says what the rows say.
 */
import type { Database, Statement } from "bun:sqlite";
import type { ByteString } from "../../../format/path.ts";
import { type Tree, tablesOf } from "./trees.ts";

export type KnownPart = {
  readonly first: ByteString;
  /** Id of its object; 0 for a stale part whose object was forgotten. */
  readonly object: number;
  /** SHA-256 of its text, and of the stored bytes; hex. */
  readonly textSha256: string;
  readonly sha256: string;
  readonly entries: number;
  /** File bytes of its entries. */
  readonly bytes: number;
  readonly stale: boolean;
};

type PartColumns = [
  first: ByteString,
  object: number,
  textSha256: string,
  sha256: string,
  entries: number,
  bytes: number,
  stale: number,
];

export class PartTable {
  readonly #database: Database;
  readonly #name: string;
  readonly #mark: Statement<unknown, [string]>;
  readonly #range: Statement<unknown, [string, string]>;
  /** Range that was marked last, until `replace`: nearly all changes come in order of path. */
  #marked: { readonly from: string; readonly until: string | null } | undefined;

  constructor(database: Database, tree: Tree = "files") {
    this.#database = database;
    const name = tablesOf[tree].parts;
    this.#name = name;
    this.#mark = database.query(
      `UPDATE ${name} SET stale = 1 WHERE first = (SELECT max(first) FROM ${name} WHERE first <= ?) AND NOT stale`,
    );
    this.#range = database.query(
      `SELECT (SELECT max(first) FROM ${name} WHERE first <= ?), (SELECT min(first) FROM ${name} WHERE first > ?)`,
    );
  }

  /** Marks the part stale in whose range a row was set or removed. Before the first part there is no range: writing parts looks there. */
  changed(path: ByteString): void {
    if (this.#marked !== undefined && isWithin(path, this.#marked)) return;
    this.#mark.run(path);
    const [from = null, until = null] = (this.#range.values(path, path)[0] ?? []) as (string | null)[];
    this.#marked = { from: from ?? "", until };
  }

  /** Returns all parts in order of path: one for each several thousand files. */
  all(): KnownPart[] {
    const rows = this.#database
      .query(`SELECT first, object, text_sha256, sha256, entries, bytes, stale FROM ${this.#name} ORDER BY first`)
      .values() as PartColumns[];
    return rows.map(([first, object, textSha256, sha256, entries, bytes, stale]) => ({
      first,
      object,
      textSha256,
      sha256,
      entries,
      bytes,
      stale: stale !== 0,
    }));
  }

  /**
   * Adds a part behind the others. It ends before `behind`, where one begins that counts as stale: its rows have no part yet. Other tables of
   * this database that registered changes before do not see this.
   */
  add(part: KnownPart, behind: string): void {
    this.#marked = undefined;
    this.#database.transaction(() => {
      this.#database.run(`DELETE FROM ${this.#name} WHERE entries = 0`);
      this.#insert(part);
      const nothing = { object: 0, textSha256: "", sha256: "", entries: 0, bytes: 0, stale: true };
      this.#insert({ first: behind as ByteString, ...nothing });
    })();
  }

  /** Other tables of this database that registered changes before do not see this: make new ones afterwards. */
  replace(parts: readonly KnownPart[]): void {
    this.#marked = undefined;
    this.#database.transaction(() => {
      this.#database.run(`DELETE FROM ${this.#name}`);
      for (const part of parts) this.#insert(part);
    })();
  }

  #insert({ first, object, textSha256, sha256, entries, bytes, stale }: KnownPart): void {
    this.#database
      .query<unknown, PartColumns>(`INSERT INTO ${this.#name} VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(first, object, textSha256, sha256, entries, bytes, stale ? 1 : 0);
  }
}

function isWithin(
  path: ByteString,
  { from, until }: { readonly from: string; readonly until: string | null },
): boolean {
  return path >= from && (until === null || path < until);
}
