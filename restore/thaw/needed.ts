/** Keeps the objects that a restore reads, and which of them are frozen. There may be millions, so they are on disk. */
import type { Archived, Stored } from "../../core/bucket/contract.ts";
import { type ArchiveTier, archiveTiers } from "../../core/format/storage-class.ts";
import { openScratchDatabase } from "../../core/system/scratch-database.ts";

/** Frozen objects of a tier, all together. `thawing`: how many of them are being thawed already. */
export type FrozenSum = {
  readonly tier: ArchiveTier;
  readonly objects: number;
  readonly bytes: number;
  readonly thawing: number;
};

export type FrozenObject = Stored & Archived;

type NeededRow = Stored & { readonly number: number };
type FrozenRow = NeededRow & { readonly tier: number; readonly thawing: number };

const pageSize = 500;

export class NeededObjects implements Disposable {
  /** `tier`: its place in `archiveTiers`; NULL for what can be read, as far as is known. */
  readonly #database = openScratchDatabase(`CREATE TEMP TABLE needed (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL,
    tier INTEGER, thawing INTEGER NOT NULL DEFAULT 0, UNIQUE (key, version)
  )`);
  readonly #insert = this.#database.query<unknown, [string, string, number]>(
    "INSERT OR IGNORE INTO needed (key, version, size) VALUES (?, ?, ?)",
  );
  readonly #freeze = this.#database.query<unknown, [number, number, number, string, string]>(
    "UPDATE needed SET tier = ?, thawing = ?, size = ? WHERE key = ? AND version = ?",
  );
  readonly #thawed = this.#database.query<unknown, [string, string]>(
    "UPDATE needed SET tier = NULL WHERE key = ? AND version = ?",
  );

  add({ key, version, size }: Stored): void {
    this.#insert.run(key, version, size);
  }

  /** `size`: by the bucket, whatever it was added with. */
  frozen({ key, version }: Pick<Stored, "key" | "version">, { tier, thawing }: Archived, size: number): void {
    this.#freeze.run(archiveTiers.indexOf(tier), thawing ? 1 : 0, size, key, version);
  }

  has({ key, version }: Pick<Stored, "key" | "version">): boolean {
    const query = "SELECT 1 FROM needed WHERE key = ? AND version = ?";
    return this.#database.query<object, [string, string]>(query).get(key, version) !== null;
  }

  /** Takes an object out of those that are frozen: it can be read, or nothing can be done for it. */
  settled({ key, version }: Pick<Stored, "key" | "version">): void {
    this.#thawed.run(key, version);
  }

  /** Yields all objects, some at a time: they may be marked meanwhile. */
  *all(): Generator<Stored> {
    const page = this.#database.query<NeededRow, [number]>(
      `SELECT number, key, version, size FROM needed WHERE number > ? ORDER BY number LIMIT ${pageSize}`,
    );
    for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.number ?? 0)) yield* rows;
  }

  /** Yields frozen objects, in the order in which they were added. */
  *allFrozen(): Generator<FrozenObject> {
    const page = this.#database.query<FrozenRow, [number]>(
      `SELECT number, key, version, size, tier, thawing FROM needed
       WHERE number > ? AND tier IS NOT NULL ORDER BY number LIMIT ${pageSize}`,
    );
    for (let rows = page.all(0); rows.length > 0; rows = page.all(rows.at(-1)?.number ?? 0)) {
      for (const { key, version, size, tier, thawing } of rows) {
        yield { key, version, size, tier: tierAt(tier), thawing: thawing === 1 };
      }
    }
  }

  sums(): FrozenSum[] {
    type SumRow = { tier: number; objects: number; bytes: number; thawing: number };
    return this.#database
      .query<SumRow, []>(
        `SELECT tier, count(*) objects, total(size) bytes, sum(thawing) thawing FROM needed
         WHERE tier IS NOT NULL GROUP BY tier ORDER BY tier`,
      )
      .all()
      .map(({ tier, ...rest }) => ({ ...rest, tier: tierAt(tier) }));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function tierAt(number: number): ArchiveTier {
  const tier = archiveTiers[number];
  if (tier === undefined) throw new Error(`no tier has the number ${number}`);
  return tier;
}
