/**
 * Compares what the roots of sealed backups list as needed with what their parts and dumps name. Jobs without an identity go by the list:
 * what is not in it, `prune` removes.
 */
import type { Database } from "bun:sqlite";
import { isWhole, type Manifest } from "../../core/format/manifest/manifest.ts";
import type { References } from "../../core/manifest/references/references.ts";

const schema = `
  CREATE TEMP TABLE listed (
    backup INTEGER NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (backup, key, version)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE opened (backup INTEGER PRIMARY KEY);
`;

/** An object that a backup needs, and does not list; and how many there are. */
type Unlisted = { readonly backup: number; readonly key: string; readonly objects: number };

export class ListedNeeds {
  readonly #database: Database;
  readonly #insert;

  constructor({ database }: References) {
    this.#database = database;
    this.#database.run(schema);
    this.#insert = this.#database.query<null, [number, string, string]>(
      "INSERT OR IGNORE INTO listed VALUES (?, ?, ?)",
    );
  }

  /** Adds a sealed backup that was opened. Nothing is known of others. Returns the key of a dump or bundle that it does not list. */
  add(backup: number, { opened, needs = [], snapshots, dumps = [], bundles }: Manifest): string | undefined {
    if (opened !== true) return undefined;
    const listed = new Set(needs.map(({ key, version }) => `${version} ${key}`));
    this.#database.transaction(() => {
      this.#database.query("INSERT INTO opened VALUES (?)").run(backup);
      for (const { key, version } of needs) this.#insert.run(backup, key, version);
    })();
    const named = [...snapshots.filter(isWhole), ...dumps, ...bundles.flatMap((bundle) => [bundle, ...bundle.table])];
    return named.find(({ key, version }) => !listed.has(`${version} ${key}`))?.key;
  }

  /** Yields backups with parts that need what is not listed. Call after the parts were read. */
  *unlisted(): Generator<Unlisted> {
    const rows = this.#database.query<Unlisted, []>(
      `SELECT used.backup, min(key) key, count(*) objects FROM
         (SELECT DISTINCT backup, uses.object id FROM opened JOIN needs USING (backup) JOIN uses ON uses.part = needs.object) used
         JOIN objects USING (id)
       WHERE NOT EXISTS (SELECT 1 FROM listed
         WHERE listed.backup = used.backup AND listed.key = objects.key AND listed.version = objects.version)
       GROUP BY used.backup`,
    );
    yield* rows.iterate();
  }
}
