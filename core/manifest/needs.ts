/**
 * Which objects backups need, directly or through their parts, and until when these are promised to be locked. Kept in
 * a database on disk, since many backups together need more than memory should hold; what they share is one row.
 */
import type { Database } from "bun:sqlite";
import type { Stored } from "../bucket/contract.ts";
import type { Encoding } from "../format/encoding.ts";
import type { LockMode } from "../format/lock-mode.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";

/** What an object is to a backup: its root, a part, a snapshot, or content in one of the encodings. */
export type Kind = "root" | "part" | "snapshot" | Encoding;

export function isContent(kind: Kind): kind is Encoding {
  return kind !== "root" && kind !== "part" && kind !== "snapshot";
}

export type Need = Stored & {
  readonly kind: Kind;
  /** Of the stored bytes, hex, where manifest or key state it; else empty. */
  readonly sha256: string;
};

export type Promised = {
  readonly until: Date;
  readonly mode: LockMode;
};

const schema = `
  CREATE TEMP TABLE backups (id INTEGER PRIMARY KEY, until INTEGER NOT NULL, compliance INTEGER NOT NULL);
  CREATE TEMP TABLE objects (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL,
    kind TEXT NOT NULL, sha256 TEXT NOT NULL, folder TEXT NOT NULL,
    -- The latest promise that still holds, milliseconds since 1970 (0: none), and whether one is of COMPLIANCE mode.
    until INTEGER NOT NULL DEFAULT 0, compliance INTEGER NOT NULL DEFAULT 0,
    -- Manifests that contradict each other have a row each, so that no claim goes unchecked.
    UNIQUE (key, version, size, kind, sha256)
  );
  CREATE INDEX temp.objects_folder ON objects (folder, key);
  CREATE TEMP TABLE needed (backup INTEGER, object INTEGER, PRIMARY KEY (backup, object)) WITHOUT ROWID;
  CREATE TEMP TABLE uses (part INTEGER, object INTEGER, PRIMARY KEY (part, object)) WITHOUT ROWID;
  CREATE INDEX temp.uses_object ON uses (object);
`;

export class Needs implements Disposable {
  /** For those who note down more of the objects, in temporary tables of their own. */
  readonly database: Database;
  readonly #insert;
  readonly #find;

  constructor() {
    this.database = openScratchDatabase(schema);
    this.#insert = this.database.query<{ id: number }, [string, string, number, Kind, string, string]>(
      "INSERT OR IGNORE INTO objects (key, version, size, kind, sha256, folder) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
    );
    this.#find = this.database.query<{ id: number }, [string, string, number, Kind, string]>(
      "SELECT id FROM objects WHERE key = ? AND version = ? AND size = ? AND kind = ? AND sha256 = ?",
    );
  }

  /** Of a promise that is over by `now`, nothing is demanded any more. `id` is the caller's number of the backup. */
  backup(id: number, { until, mode }: Promised, now: Date): void {
    const demanded = until > now ? until.getTime() : 0;
    const compliance = demanded > 0 && mode === "COMPLIANCE" ? 1 : 0;
    this.database.query("INSERT INTO backups VALUES (?, ?, ?)").run(id, demanded, compliance);
  }

  /** The number of its row: the same for the same object. */
  add({ key, version, size, kind, sha256 }: Need): number {
    const folder = key.slice(0, key.lastIndexOf("/") + 1);
    const row =
      this.#find.get(key, version, size, kind, sha256) ?? this.#insert.get(key, version, size, kind, sha256, folder);
    if (row === null) throw new Error("an object is neither new nor known");
    return row.id;
  }

  /** That the backup needs the object itself: its root, a part, a snapshot. */
  needed(backup: number, object: number): void {
    this.database.query("INSERT OR IGNORE INTO needed VALUES (?, ?)").run(backup, object);
  }

  /** That entries of the part have content in these objects. */
  uses(part: number, objects: readonly number[]): void {
    const insert = this.database.query("INSERT OR IGNORE INTO uses VALUES (?, ?)");
    this.database.transaction(() => {
      for (const object of objects) insert.run(part, object);
    })();
  }

  /** Hands the promises of the backups down to their objects. Once, when all is added. */
  spreadPromises(): void {
    this.database.run(`
      UPDATE objects SET (until, compliance) = (
        SELECT coalesce(max(backups.until), 0), coalesce(max(backups.compliance), 0)
        FROM needed JOIN backups ON backups.id = needed.backup WHERE needed.object = objects.id)`);
    this.database.run(`
      UPDATE objects SET (until, compliance) = (
        SELECT max(objects.until, coalesce(max(part.until), 0)), max(objects.compliance, coalesce(max(part.compliance), 0))
        FROM uses JOIN objects part ON part.id = uses.part WHERE uses.object = objects.id)
      WHERE id IN (SELECT object FROM uses)`);
  }

  /** How many objects there are, and their bytes. */
  totals(): { readonly objects: number; readonly bytes: number } {
    const row = this.database
      .query<{ objects: number; bytes: number }, []>(
        "SELECT count(*) objects, coalesce(sum(size), 0) bytes FROM (SELECT DISTINCT key, version, size FROM objects)",
      )
      .get();
    return row ?? { objects: 0, bytes: 0 };
  }

  /** Folders of keys, each with its slash, and how many objects are needed from it. */
  folders(): { readonly folder: string; readonly objects: number }[] {
    return this.database
      .query<{ folder: string; objects: number }, []>(
        "SELECT folder, count(DISTINCT key) objects FROM objects GROUP BY folder ORDER BY folder",
      )
      .all();
  }

  /** Keys of the objects needed from a folder: for folders of few. */
  keysIn(folder: string): string[] {
    return this.database
      .query<{ key: string }, [string]>("SELECT DISTINCT key FROM objects WHERE folder = ? ORDER BY key")
      .all(folder)
      .map(({ key }) => key);
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}
