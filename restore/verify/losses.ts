/** Keeps the losses that damage causes: entries and snapshots that cannot be restored wholly, and their backups. */
import type { Database } from "bun:sqlite";
import { type ByteString, toText } from "../../core/format/path.ts";
import type { References } from "../../core/manifest/references/references.ts";

export type LostEntries = {
  /** Path of the entry; for a lost part, its first path; for a snapshot, its key. */
  readonly path: string;
  /** Number of entries that were lost with the part; else 1. */
  readonly entries: number;
  /** Number of verified backups that have it in this state. */
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

  /** Adds a lost entry. `holder`: the part with the entry; the snapshot itself; or the root, if only this backup loses it. */
  add(holder: number, path: ByteString, entries = 1): void {
    this.#insert.run(holder, path, entries);
  }

  /** Adds the snapshots, and the sealed bundles, that are lost by the findings about them. */
  addSnapshots(): void {
    this.#database.run(
      "INSERT OR IGNORE INTO losses SELECT id, key, 1 FROM objects JOIN states ON object = id WHERE kind IN ('snapshot', 'sealed') AND unusable = 1",
    );
  }

  /** Yields losses in byte order of path. One damaged pack may cause many thousands. */
  *all(): Generator<LostEntries> {
    const rows = this.#database.query<{ path: ByteString; entries: number; backups: number }, []>(
      `SELECT path, max(entries) entries, count(DISTINCT backup) backups
       FROM losses JOIN needs ON needs.object = holder GROUP BY path ORDER BY path`,
    );
    for (const { path, ...rest } of rows.iterate()) yield { path: toText(path), ...rest };
  }

  /** Counts distinct paths, and all entries of lost parts. */
  count(): number {
    const query = "SELECT total(entries) lost FROM (SELECT max(entries) entries FROM losses GROUP BY path)";
    return this.#database.query<{ lost: number }, []>(query).get()?.lost ?? 0;
  }

  countOf(backup: number): number {
    const query = "SELECT total(entries) lost FROM losses WHERE holder IN (SELECT object FROM needs WHERE backup = ?)";
    return this.#database.query<{ lost: number }, [number]>(query).get(backup)?.lost ?? 0;
  }
}
