/** Keeps what damage costs: entries and snapshots that cannot be restored, or not wholly, and the backups that they are of. */
import type { Database } from "bun:sqlite";
import { type ByteString, toText } from "../../core/format/path.ts";
import type { References } from "../../core/manifest/references/references.ts";

export type LostEntries = {
  /** A path; for a lost part, the first that it held; for a snapshot, its key. */
  readonly path: string;
  /** 1, or how many entries were lost with the part. */
  readonly entries: number;
  /** How many of the verified backups have it in this state. */
  readonly backups: number;
};

const schema = `
  CREATE TEMP TABLE losses (
    holder INTEGER NOT NULL, path TEXT NOT NULL, entries INTEGER NOT NULL, PRIMARY KEY (holder, path)
  ) WITHOUT ROWID;
`;

export class Losses {
  readonly #database: Database;
  readonly #insert;

  constructor({ database }: References) {
    this.#database = database;
    this.#database.run(schema);
    this.#insert = this.#database.query<null, [number, string, number]>(
      "INSERT OR REPLACE INTO losses VALUES (?, ?, ?)",
    );
  }

  /** Adds a lost entry. `holder`: the part that the entry stands in; the snapshot itself; or the root, if others with that part have the entry. */
  add(holder: number, path: ByteString, entries = 1): void {
    this.#insert.run(holder, path, entries);
  }

  /** Adds snapshots: their loss follows from what was found of them. */
  addSnapshots(): void {
    this.#database.run(
      "INSERT OR IGNORE INTO losses SELECT id, key, 1 FROM objects JOIN states ON object = id WHERE kind = 'snapshot' AND unusable = 1",
    );
  }

  /** Goes through losses in byte order of path. One damaged pack may cost many thousands. */
  *all(): Generator<LostEntries> {
    const rows = this.#database.query<{ path: ByteString; entries: number; backups: number }, []>(
      `SELECT path, max(entries) entries, count(DISTINCT backup) backups
       FROM losses JOIN needs ON needs.object = holder GROUP BY path ORDER BY path`,
    );
    for (const { path, ...rest } of rows.iterate()) yield { path: toText(path), ...rest };
  }

  /** Counts distinct paths, with all that lost parts held. */
  count(): number {
    const query = "SELECT coalesce(sum(entries), 0) lost FROM (SELECT max(entries) entries FROM losses GROUP BY path)";
    return this.#database.query<{ lost: number }, []>(query).get()?.lost ?? 0;
  }

  countOf(backup: number): number {
    const query =
      "SELECT coalesce(sum(entries), 0) lost FROM losses WHERE holder IN (SELECT object FROM needs WHERE backup = ?)";
    return this.#database.query<{ lost: number }, [number]>(query).get(backup)?.lost ?? 0;
  }
}
