/** The state database's table of objects in the bucket. */
import type { Database } from "bun:sqlite";
import type { Encoding } from "../../../format/codecs/encoding.ts";
import type { ObjectRef } from "../../../format/entries/entry.ts";
import { BitSet } from "./bit-set.ts";
import { FalseState } from "./false-state.ts";
import { tablesOf, trees } from "./trees.ts";

/**
 * Whose word the row of an object rests on, the weakest first. `shared`: the index of a name that is believed; `verified`: a
 * verified object. These two are claims: its existence, size and lock are looked up before a manifest rests on it, and it is
 * `proven` then. `own`: this state stored it.
 */
const standings = { shared: 0, verified: 1, proven: 2, own: 3 } as const;

/** Where a claim comes from. */
export type ClaimSource = "shared" | "verified";
const unproven = `standing < ${standings.proven}`;

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

  /**
   * Records an object that this state stored. `indexed`: whether an index object lists it. `sha256`: of its stored bytes, if the
   * manifest is to state it and cannot know it otherwise. Returns its id.
   */
  add(ref: ObjectRef, retainUntil: Date, indexed: boolean, sha256?: string): number {
    const row = this.#database
      .query<{ id: number }, [string, string, number, Encoding, number, number, string | null]>(
        `INSERT INTO objects (key, version, size, encoding, retain_until, indexed, sha256, standing)
         VALUES (?, ?, ?, ?, ?, ?, ?, ${standings.own})
         ON CONFLICT DO UPDATE SET size = excluded.size, encoding = excluded.encoding, wanted = 0, standing = excluded.standing,
           retain_until = max(retain_until, excluded.retain_until), sha256 = excluded.sha256
         RETURNING id`,
      )
      .get(ref.key, ref.version, ref.size, ref.encoding, retainUntil.getTime(), indexed ? 1 : 0, sha256 ?? null);
    if (row === null) throw new Error("an insert returned no row");
    return row.id;
  }

  /**
   * Records what others say of an object. Returns its id if their word counts: they say nothing of what is proven or our own,
   * a verified object overrides an index, and of two of a kind that contradict each other the first one stays.
   */
  claim(
    ref: ObjectRef & { readonly sha256?: string | undefined },
    retainUntil: Date,
    source: ClaimSource,
  ): number | undefined {
    // What a weaker claim said of the object's content goes with it.
    this.#database
      .query(
        "DELETE FROM chunks WHERE object IN (SELECT id FROM objects WHERE key = ? AND version = ? AND standing < ?)",
      )
      .run(ref.key, ref.version, standings[source]);
    const row = this.#database
      .query<{ id: number }, [string, string, number, Encoding, number, string | null, number]>(
        `INSERT INTO objects (key, version, size, encoding, retain_until, sha256, indexed, standing) VALUES (?, ?, ?, ?, ?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET size = excluded.size, encoding = excluded.encoding, standing = excluded.standing,
           retain_until = max(retain_until, excluded.retain_until), sha256 = excluded.sha256
         WHERE ${unproven} AND (standing < excluded.standing
           OR standing = excluded.standing AND size = excluded.size AND encoding = excluded.encoding)
         RETURNING id`,
      )
      .get(ref.key, ref.version, ref.size, ref.encoding, retainUntil.getTime(), ref.sha256 ?? null, standings[source]);
    return row?.id;
  }

  /** Returns the ids of claims. */
  unprovenIds(): BitSet {
    return this.#idsOf(this.#database.query<{ id: number }, []>(`SELECT id FROM objects WHERE ${unproven}`).iterate());
  }

  /** Notes that rows of files may rest on a claim: it is to be looked up before a manifest is put. */
  want(id: number): void {
    this.#database.query(`UPDATE objects SET wanted = 1 WHERE id = ? AND ${unproven}`).run(id);
  }

  /** Returns some of the claims that are to be looked up, in order of key and id, behind that of `last`. */
  wanted(last: Pick<KnownObject, "key" | "id"> | undefined): KnownObject[] {
    return this.#database
      .query<Row, [string, number]>(
        "SELECT * FROM objects WHERE wanted = 1 AND (key, id) > (?, ?) ORDER BY key, id LIMIT 1000",
      )
      .all(last?.key ?? "", last?.id ?? 0)
      .map(toKnown);
  }

  /** Notes that a claim was looked up and is true, and the lock that was found. */
  prove(id: number, retainUntil: Date): void {
    this.#database
      .query(`UPDATE objects SET standing = ${standings.proven}, wanted = 0, retain_until = ? WHERE id = ?`)
      .run(retainUntil.getTime(), id);
  }

  get(id: number): KnownObject {
    const row = this.#database.query<Row, [number]>("SELECT * FROM objects WHERE id = ?").get(id);
    if (row === null) throw new FalseState(`it has no object ${id}, which something in it refers to`);
    return toKnown(row);
  }

  /** Returns the objects with these ids, in order of key. `sha256`: as `add` has it. */
  these(ids: BitSet): (ObjectRef & { readonly sha256: string | null })[] {
    const rows = this.#database.query<ObjectRef & { id: number; sha256: string | null }, []>(
      "SELECT id, key, version, size, encoding, sha256 FROM objects ORDER BY key, version",
    );
    return [...rows.iterate()].filter(({ id }) => ids.has(id));
  }

  find(key: string, version: string): KnownObject | undefined {
    const row = this.#database
      .query<Row, [string, string]>("SELECT * FROM objects WHERE key = ? AND version = ?")
      .get(key, version);
    return row === null ? undefined : toKnown(row);
  }

  /** Returns the object of our own whose lock ends last; undefined if there is none. */
  lockedLongest(): KnownObject | undefined {
    const row = this.#database
      .query<Row, []>(`SELECT * FROM objects WHERE standing = ${standings.own} ORDER BY retain_until DESC LIMIT 1`)
      .get();
    return row === null ? undefined : toKnown(row);
  }

  /** Returns the ids of objects whose lock ends before `date`. */
  idsExpiringBefore(date: Date): BitSet {
    const rows = this.#database.query<{ id: number }, [number]>("SELECT id FROM objects WHERE retain_until < ?");
    return this.#idsOf(rows.iterate(date.getTime()));
  }

  #idsOf(rows: Iterable<{ readonly id: number }>): BitSet {
    const ids = new BitSet();
    for (const { id } of rows) ids.add(id);
    return ids;
  }

  /** Returns the ids of these that are no claims: only such can be in use once claims were looked up. */
  provenIdsExpiringBefore(date: Date): BitSet {
    const rows = this.#database.query<{ id: number }, [number]>(
      `SELECT id FROM objects WHERE retain_until < ? AND NOT (${unproven})`,
    );
    return this.#idsOf(rows.iterate(date.getTime()));
  }

  /** Returns the ids of objects whose lock ends before `date`, and of claims. */
  idsExpiringOrUnproven(date: Date): BitSet {
    const rows = this.#database.query<{ id: number }, [number]>(
      `SELECT id FROM objects WHERE retain_until < ? OR ${unproven}`,
    );
    return this.#idsOf(rows.iterate(date.getTime()));
  }

  /** Yields objects that are no claims and whose lock ends before `date`, in order of id. Reads a page at a time. */
  *expiringBefore(date: Date): Generator<KnownObject> {
    const page = this.#database.query<Row, [number, number]>(
      `SELECT * FROM objects WHERE id > ? AND retain_until < ? AND NOT (${unproven}) ORDER BY id LIMIT 1000`,
    );
    for (let last = 0, rows = page.all(last, date.getTime()); rows.length > 0; rows = page.all(last, date.getTime())) {
      for (const row of rows) yield toKnown(row);
      last = rows.at(-1)?.id ?? last;
    }
  }

  /** Notes that a lock ends no sooner than `until`, for the next index object. */
  extended(id: number, until: Date): void {
    this.#database.query("UPDATE objects SET retain_until = ? WHERE id = ?").run(until.getTime(), id);
    // Keys of bundles, and of what was adopted, have names of folders, and the index has none.
    this.#database
      .query(
        `INSERT OR IGNORE INTO extensions SELECT id FROM objects
         WHERE id = ? AND (key LIKE 'packs/%' OR key LIKE 'content/%' OR key LIKE 'manifests/%')`,
      )
      .run(id);
  }

  /** Makes the locks of all that is no claim count as ending before `date`, if they end later. */
  shorten(date: Date): void {
    this.#database
      .query(`UPDATE objects SET retain_until = min(retain_until, ?) WHERE NOT (${unproven})`)
      .run(date.getTime() - 1);
  }

  /** Records what others say of the lock of a claim, which makes it worth looking up. It counts for nothing else. */
  heardExtension(key: string, version: string, until: Date): void {
    this.#database
      .query(`UPDATE objects SET retain_until = max(retain_until, ?) WHERE key = ? AND version = ? AND ${unproven}`)
      .run(until.getTime(), key, version);
  }

  /** Marks an object as gone: its chunks are unknown from now on, and files that use it are read again. */
  distrust(id: number): void {
    this.#database.query("UPDATE objects SET retain_until = 0 WHERE id = ?").run(id);
    this.#database.query("DELETE FROM extensions WHERE object = ?").run(id);
  }

  /** Forgets objects whose lock ends before `date`, with their chunks and parts. No row of a file or dump may refer to them. */
  forgetExpiringBefore(date: Date): void {
    const expiring = "SELECT id FROM objects WHERE retain_until < ?";
    const forget = (statement: string) => this.#database.query(statement).run(date.getTime());
    forget(`DELETE FROM chunks WHERE object IN (${expiring})`);
    for (const tree of trees)
      forget(`UPDATE ${tablesOf[tree].parts} SET stale = 1, object = 0 WHERE object IN (${expiring})`);
    forget(`DELETE FROM extensions WHERE object IN (${expiring})`);
    forget("DELETE FROM objects WHERE retain_until < ?");
  }
}

function toKnown({ retain_until, ...row }: Row): KnownObject {
  return { ...row, retainUntil: new Date(retain_until) };
}
