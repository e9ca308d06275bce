/** The state database's table of objects in the bucket. */
import type { Database } from "bun:sqlite";
import type { Encoding } from "../../format/encoding.ts";
import type { ObjectRef } from "../../format/entry.ts";
import { BitSet } from "./bit-set.ts";
import { FalseState } from "./false-state.ts";

export type KnownObject = ObjectRef & { readonly id: number; readonly retainUntil: Date };

type Row = {
  readonly id: number;
  readonly key: string;
  readonly version: string;
  readonly size: number;
  readonly encoding: Encoding;
  readonly retain_until: number;
};

export class ObjectTable {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Records an object, or finds the one that is there already. `indexed`: whether an index object lists it. Returns its id. */
  add(ref: ObjectRef, retainUntil: Date, indexed: boolean): number {
    const row = this.#database
      .query<{ id: number }, [string, string, number, Encoding, number, number]>(
        `INSERT INTO objects (key, version, size, encoding, retain_until, indexed) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET retain_until = max(retain_until, excluded.retain_until) RETURNING id`,
      )
      .get(ref.key, ref.version, ref.size, ref.encoding, retainUntil.getTime(), indexed ? 1 : 0);
    if (row === null) throw new Error("an insert returned no row");
    return row.id;
  }

  get(id: number): KnownObject {
    const row = this.#database.query<Row, [number]>("SELECT * FROM objects WHERE id = ?").get(id);
    if (row === null) throw new FalseState(`it has no object ${id}, which something in it refers to`);
    return toKnown(row);
  }

  /** Returns the ids of objects whose lock ends before `date`. */
  idsExpiringBefore(date: Date): BitSet {
    const rows = this.#database.query<{ id: number }, [number]>("SELECT id FROM objects WHERE retain_until < ?");
    const ids = new BitSet();
    for (const { id } of rows.iterate(date.getTime())) ids.add(id);
    return ids;
  }

  /** Yields objects whose lock ends before `date`, in order of id. Reads a page at a time. */
  *expiringBefore(date: Date): Generator<KnownObject> {
    const page = this.#database.query<Row, [number, number]>(
      "SELECT * FROM objects WHERE id > ? AND retain_until < ? ORDER BY id LIMIT 1000",
    );
    for (let last = 0, rows = page.all(last, date.getTime()); rows.length > 0; rows = page.all(last, date.getTime())) {
      for (const row of rows) yield toKnown(row);
      last = rows.at(-1)?.id ?? last;
    }
  }

  /** Notes that a lock ends no sooner than `until`, for the next index object. */
  extended(id: number, until: Date): void {
    this.#database.query("UPDATE objects SET retain_until = ? WHERE id = ?").run(until.getTime(), id);
    this.#database.query("INSERT OR IGNORE INTO extensions VALUES (?)").run(id);
  }

  /** Records what another host says of an object's lock. */
  heardExtension(key: string, version: string, until: Date): void {
    this.#database
      .query("UPDATE objects SET retain_until = max(retain_until, ?) WHERE key = ? AND version = ?")
      .run(until.getTime(), key, version);
  }

  /** Marks an object as gone: its chunks are unknown from now on, and files that use it are read again. */
  distrust(id: number): void {
    this.#database.query("UPDATE objects SET retain_until = 0 WHERE id = ?").run(id);
  }

  /** As `distrust`, by key and version; returns how many there were: one or none. */
  distrustVersion(key: string, version: string): number {
    return this.#database.query("UPDATE objects SET retain_until = 0 WHERE key = ? AND version = ?").run(key, version)
      .changes;
  }

  /** Forgets objects whose lock ends before `date`, with their chunks and parts. No file's row may refer to them. */
  forgetExpiringBefore(date: Date): void {
    const expiring = "SELECT id FROM objects WHERE retain_until < ?";
    const forget = (statement: string) => this.#database.query(statement).run(date.getTime());
    forget(`DELETE FROM chunks WHERE object IN (${expiring})`);
    forget(`UPDATE parts SET stale = 1, object = 0 WHERE object IN (${expiring})`);
    forget(`DELETE FROM extensions WHERE object IN (${expiring})`);
    forget("DELETE FROM objects WHERE retain_until < ?");
  }
}

function toKnown({ retain_until, ...row }: Row): KnownObject {
  return { ...row, retainUntil: new Date(retain_until) };
}
