/**
 * The state database: what this host knows of the bucket and of its own files, so that a run need not ask or read
 * again. It is a cache: lost or corrupt, it is rebuilt from `index/` and the files.
 *
 * One database per backup name. It belongs to one bucket: opened for another, it starts empty.
 */
import { Database, SQLiteError } from "bun:sqlite";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { unusable } from "./folder.ts";
import { makePrivate, stateSuffixes } from "./private-files.ts";
import { FalseState } from "./tables/false-state.ts";

const schemaVersion = 7;

const rowColumns = `
    path TEXT PRIMARY KEY,
    -- Greater than that of each row that was written before.
    number INTEGER NOT NULL,
    -- Null if the next run must read the file whatever it looks like.
    inode INTEGER,
    changed_seconds INTEGER NOT NULL,
    changed_nanoseconds INTEGER NOT NULL,
    first TEXT,
    seconds INTEGER NOT NULL,
    nanoseconds INTEGER NOT NULL,
    size INTEGER NOT NULL,
    -- Null if it is the size.
    bytes INTEGER,
    head INTEGER NOT NULL,
    extents BLOB`;

const partColumns = `
    first TEXT PRIMARY KEY,
    object INTEGER NOT NULL,
    text_sha256 TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    stale INTEGER NOT NULL`;

const schema = `
  CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  -- Objects in the bucket: packs, content, parts. indexed = 0 until an index object has them.
  CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    size INTEGER NOT NULL,
    encoding TEXT NOT NULL,
    retain_until INTEGER NOT NULL,
    indexed INTEGER NOT NULL,
    -- Whose word it rests on: see objects.ts.
    standing INTEGER NOT NULL,
    -- Of the stored bytes, if the manifest states it and neither key nor bundle does.
    sha256 TEXT,
    -- 1 if rows of files may rest on a claim that was not looked up yet.
    wanted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (key, version)
  );
  CREATE INDEX objects_wanted ON objects (key, id) WHERE wanted = 1;
  CREATE INDEX objects_by_retention ON objects (retain_until);
  CREATE INDEX objects_to_index ON objects (id) WHERE indexed = 0;
  -- Each id once, found by its beginning: see chunks.ts. An index with whole ids would be as large as the table.
  CREATE TABLE chunks (
    id BLOB NOT NULL,
    object INTEGER NOT NULL,
    frame_offset INTEGER NOT NULL,
    frame_length INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL
  );
  CREATE INDEX chunks_by_id ON chunks (substr(id, 1, 8));
  CREATE INDEX chunks_by_object ON chunks (object);
  -- What the last run that looked saw under each path, packed: see files.ts. After quilting, exactly the entries of the manifest.
  CREATE TABLE files (${rowColumns}) WITHOUT ROWID;
  -- What the heads of many entries have in common: see heads.ts.
  CREATE TABLE heads (id INTEGER PRIMARY KEY, letter TEXT NOT NULL, sized INTEGER NOT NULL, before TEXT NOT NULL);
  -- Parts of the last manifest. A row of files that changes makes the part stale in whose range it lies.
  CREATE TABLE parts (${partColumns}) WITHOUT ROWID;
  -- The same, of dumps that lie in chunks: see trees.ts. All of them are taken by every run.
  CREATE TABLE dumps (${rowColumns}) WITHOUT ROWID;
  CREATE TABLE dump_parts (${partColumns}) WITHOUT ROWID;
  -- Bundles of the last manifest, and what their folders looked like: see bundles.ts.
  CREATE TABLE bundles (
    section TEXT NOT NULL,
    path TEXT NOT NULL,
    above INTEGER NOT NULL,
    look TEXT NOT NULL,
    heads TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    sealed_with TEXT NOT NULL,
    description TEXT NOT NULL,
    PRIMARY KEY (section, path, above)
  ) WITHOUT ROWID;
  -- Extensions that are in no index object yet.
  CREATE TABLE extensions (object INTEGER PRIMARY KEY);
  -- Up to which stamp all index objects of a source are dealt with, and the later ones that are, by key: see index-marks.ts.
  CREATE TABLE index_settled (source TEXT PRIMARY KEY, stamp TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE index_seen (source TEXT NOT NULL, key TEXT NOT NULL, size INTEGER, PRIMARY KEY (source, key)) WITHOUT ROWID;
`;

export function statePath(stateDir: string, name: string): string {
  return join(stateDir, `${name}.sqlite`);
}

/**
 * Opens or makes the database. Throws a Failure if its folder is unusable. Throws an error for which `isCorruption` holds
 * if it is damaged, here or at any later query.
 */
export function openState(path: string, bucket: string): Database {
  let database: Database | undefined;
  try {
    makePrivate(path);
    database = new Database(path, { create: true, strict: true });
    prepare(database, bucket);
    return database;
  } catch (error) {
    database?.close();
    throw isCorruption(error) ? error : stateError(path, error);
  }
}

export async function removeState(path: string): Promise<void> {
  await Promise.all(stateSuffixes.map((suffix) => rm(path + suffix, { force: true })));
}

function prepare(database: Database, bucket: string): void {
  // The lock of the run keeps others out. So nothing is mapped: a page of a mapped file that a full disk has no room for ends the process,
  // and some network and FUSE filesystems map none.
  database.run("PRAGMA locking_mode = EXCLUSIVE");
  // Transactions survive a killed process; after a power loss the last ones may be missing, never half there.
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA temp_store = FILE");
  database.run("PRAGMA cache_size = -8192");
  database.run("PRAGMA mmap_size = 0");
  if (userVersion(database) !== schemaVersion) empty(database);
  if (fact(database, "bucket") !== bucket) {
    empty(database);
    setFact(database, "bucket", bucket);
  }
}

/** Names the fact of the root that was put last: see completed.ts. */
export const lastRootFact = "last_root";

/** Forgets all but the bucket, and the backup that the next one follows. */
export function emptyState(database: Database): void {
  const kept = ["bucket", lastRootFact].map((name) => [name, fact(database, name)] as const);
  empty(database);
  for (const [name, value] of kept) if (value !== undefined) setFact(database, name, value);
}

function empty(database: Database): void {
  const tables = database
    .query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  database.transaction(() => {
    for (const { name } of tables) database.run(`DROP TABLE "${name}"`);
    database.run(schema);
    database.run(`PRAGMA user_version = ${schemaVersion}`);
  })();
  // Gives back the room of what was there.
  database.run("VACUUM");
}

function userVersion(database: Database): number {
  return database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

export function fact(database: Database, name: string): string | undefined {
  return database.query<{ value: string }, [string]>("SELECT value FROM facts WHERE name = ?").get(name)?.value;
}

export function setFact(database: Database, name: string, value: string): void {
  database.query("INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value").run(name, value);
}

/** Returns whether the database must be removed and rebuilt: a page is damaged, or what it says cannot be true. */
export function isCorruption(error: unknown): boolean {
  if (error instanceof FalseState) return true;
  // Both codes have subtypes, such as SQLITE_CORRUPT_INDEX.
  return error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? "");
}

/** Words an error of SQLite as a Failure: a full disk, for example. Returns other errors as they are. */
export function stateError(path: string, error: unknown): unknown {
  return error instanceof SQLiteError ? unusable(path, error) : error;
}
