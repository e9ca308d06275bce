/** The objects that a backup needs, in a database on disk, since a large one needs more than memory should hold. */
import type { Database } from "bun:sqlite";
import type { Stored } from "../bucket/contract.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";

/** `found`: the size that the bucket has; null for an object or version that it does not have. */
export type Need = Stored & { readonly found: number | null };

const schema = `
  CREATE TEMP TABLE needs (
    key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, found INTEGER,
    PRIMARY KEY (key, version)
  ) WITHOUT ROWID;
`;

export class Needs implements Disposable {
  readonly #database: Database;
  readonly #insert;
  readonly #find;

  constructor() {
    this.#database = openScratchDatabase(schema);
    this.#insert = this.#database.query<null, [string, string, number]>(
      "INSERT OR IGNORE INTO needs (key, version, size) VALUES (?, ?, ?)",
    );
    this.#find = this.#database.query<null, [number, string, string]>(
      "UPDATE needs SET found = ? WHERE key = ? AND version = ?",
    );
  }

  add(objects: Iterable<Stored>): void {
    this.#database.transaction(() => {
      for (const { key, version, size } of objects) this.#insert.run(key, version, size);
    })();
  }

  /** That the bucket has these. Those that are not needed are ignored. */
  found(objects: Iterable<Stored>): void {
    this.#database.transaction(() => {
      for (const { key, version, size } of objects) this.#find.run(size, key, version);
    })();
  }

  /** How many objects there are, and their bytes. */
  totals(): { readonly objects: number; readonly bytes: number } {
    const row = this.#database
      .query<{ objects: number; bytes: number }, []>("SELECT count(*) objects, coalesce(sum(size), 0) bytes FROM needs")
      .get();
    return row ?? { objects: 0, bytes: 0 };
  }

  /** Folders of keys, each with its slash, and how many objects are needed from it. */
  folders(): { readonly folder: string; readonly objects: number }[] {
    return this.#database
      .query<{ folder: string; objects: number }, []>(
        // All up to the last slash: a key without its slashes has the characters that are cut off its end.
        "SELECT rtrim(key, replace(key, '/', '')) folder, count(*) objects FROM needs GROUP BY folder ORDER BY folder",
      )
      .all();
  }

  /** Those directly in a folder. */
  *in(folder: string): Generator<Need> {
    // In one go: a folder is asked for only where it holds few.
    yield* this.#database
      .query<Need, [string]>("SELECT * FROM needs WHERE rtrim(key, replace(key, '/', '')) = ? ORDER BY key, version")
      .all(folder);
  }

  /** Those missing, or of another size, in order of key. */
  faults(most: number): Need[] {
    return this.#database
      .query<Need, [number]>("SELECT * FROM needs WHERE found IS NOT size ORDER BY key, version LIMIT ?")
      .all(most);
  }

  countFaults(): number {
    const query = "SELECT count(*) faults FROM needs WHERE found IS NOT size";
    return this.#database.query<{ faults: number }, []>(query).get()?.faults ?? 0;
  }

  isFault(key: string, version: string): boolean {
    const query = "SELECT 1 FROM needs WHERE key = ? AND version = ? AND found IS NOT size";
    return this.#database.query<unknown, [string, string]>(query).get(key, version) !== null;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
