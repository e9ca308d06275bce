/** What kept backups need, in a database on disk: it may be more than memory should hold. */
import type { Database } from "bun:sqlite";
import type { Stored } from "../bucket/contract.ts";
import type { Manifest } from "../format/manifest.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";

/** Of a part, what is needed to read it. */
export type PartToRead = Stored & { readonly sha256: string; readonly until: number };

/** `until`: to when it is to be locked, in milliseconds since 1970; 0 for whom that does not matter. */
export type NeededObject = Stored & { readonly until: number };

const schema = `
  CREATE TEMP TABLE needed (
    key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (key, version)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE parts (
    key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, until INTEGER NOT NULL, sha256 TEXT NOT NULL,
    read INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, version, sha256)
  ) WITHOUT ROWID;
`;

const pageSize = 1_000;

export class Needed implements Disposable {
  readonly #database: Database = openScratchDatabase(schema);
  readonly #insert = this.#database.query<null, [string, string, number, number]>(
    `INSERT INTO needed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`,
  );
  readonly #find = this.#database.query<unknown, [string, string]>(
    "SELECT 1 FROM needed WHERE key = ? AND version = ?",
  );

  add(objects: Iterable<Stored>, until: number): void {
    this.#database.transaction(() => {
      for (const { key, version, size } of objects) this.#insert.run(key, version, size, until);
    })();
  }

  /** A root, and all that it names itself. Its parts are to be read yet, each once however many roots name it. */
  addRoot(root: Stored, { parts, snapshots }: Manifest, until: number): void {
    this.add([root, ...snapshots, ...parts], until);
    const insert = this.#database.query<null, [string, string, number, number, string]>(
      `INSERT INTO parts (key, version, size, until, sha256) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`,
    );
    this.#database.transaction(() => {
      for (const { key, version, size, sha256 } of parts) insert.run(key, version, size, until, sha256);
    })();
  }

  has(key: string, version: string): boolean {
    return this.#find.get(key, version) !== null;
  }

  /** Parts that were not taken yet, some at a time; each is taken once. */
  takeParts(): PartToRead[] {
    const select = "SELECT key, version, size, until, sha256 FROM parts WHERE read = 0 LIMIT ?";
    const parts = this.#database.query<PartToRead, [number]>(select).all(pageSize);
    const taken = this.#database.query("UPDATE parts SET read = 1 WHERE key = ? AND version = ? AND sha256 = ?");
    this.#database.transaction(() => {
      for (const { key, version, sha256 } of parts) taken.run(key, version, sha256);
    })();
    return parts;
  }

  /** All of it, in order of key and version, some at a time. */
  *pages(): Generator<readonly NeededObject[]> {
    const page = this.#database.query<NeededObject, [string, string, number]>(
      "SELECT * FROM needed WHERE (key, version) > (?, ?) ORDER BY key, version LIMIT ?",
    );
    let last: Pick<Stored, "key" | "version"> | undefined = { key: "", version: "" };
    while (last !== undefined) {
      const objects: NeededObject[] = page.all(last.key, last.version, pageSize);
      yield objects;
      last = objects.at(-1);
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
