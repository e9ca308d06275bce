/**
 * The state database's table of bundles: what each was when it was stored, and what its folder looked like then. A row is written
 * when the bundle and its table of contents are stored.
 */
import type { Database } from "bun:sqlite";
import { FormatError } from "../../../format/error.ts";
import { type BundleRef, encodeBundleRef, parseBundleRef } from "../../../format/manifest/bundle-ref.ts";
import { type ByteString, isByteString } from "../../../format/path.ts";
import { type KnownObject, ObjectTable } from "./objects.ts";

/** Names a bundle among all of a backup name. */
export type BundleId = { readonly section: string; readonly path: ByteString; readonly above: boolean };

export type KnownBundle = {
  readonly ref: BundleRef;
  /** Digest of all stats: as long as it is the same, nothing in the bundle has changed. Empty if it cannot be relied on. */
  readonly look: string;
  /** Digest of all metadata: if it differs, so does the fingerprint. */
  readonly heads: string;
  /** Says which keyfile it was sealed with; empty for none. */
  readonly sealedWith: string;
};

type BundleRow = {
  readonly section: string;
  readonly path: string;
  readonly above: number;
  readonly look: string;
  readonly heads: string;
  readonly sealed_with: string;
  readonly description: string;
};

export class BundleTable {
  readonly #database: Database;
  readonly #objects: ObjectTable;

  constructor(database: Database) {
    this.#database = database;
    this.#objects = new ObjectTable(database);
  }

  /** Returns a bundle if all of its objects are known and none is in doubt. */
  get({ section, path, above }: BundleId): KnownBundle | undefined {
    const row = this.#database
      .query<BundleRow, [string, string, number]>("SELECT * FROM bundles WHERE section = ? AND path = ? AND above = ?")
      .get(section, path, above ? 1 : 0);
    return row === null ? undefined : toKnown(row);
  }

  /** Returns all of a section, in order of path. */
  inSection(section: string): (BundleId & { readonly known: KnownBundle | undefined })[] {
    return this.#database
      .query<BundleRow, [string]>("SELECT * FROM bundles WHERE section = ? ORDER BY path, above")
      .all(section)
      .flatMap((row) => {
        const { path } = row;
        return isByteString(path) ? [{ section, path, above: row.above !== 0, known: toKnown(row) }] : [];
      });
  }

  sections(): string[] {
    return this.#database
      .query<{ section: string }, []>("SELECT DISTINCT section FROM bundles ORDER BY section")
      .all()
      .map(({ section }) => section);
  }

  set({ section, path, above }: BundleId, { ref, look, heads, sealedWith }: KnownBundle): void {
    this.#database
      .query<unknown, [string, string, number, string, string, string, string, string]>(
        "INSERT OR REPLACE INTO bundles VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        section,
        path,
        above ? 1 : 0,
        look,
        heads,
        ref.fingerprint,
        sealedWith,
        JSON.stringify(encodeBundleRef(ref)),
      );
  }

  remove({ section, path, above }: BundleId): void {
    this.#database
      .query("DELETE FROM bundles WHERE section = ? AND path = ? AND above = ?")
      .run(section, path, above ? 1 : 0);
  }

  /** Returns the objects of a bundle: itself, and its table of contents. Undefined if one of them is not known any more. */
  objectsOf({ key, version, table }: BundleRef): KnownObject[] | undefined {
    const found = [{ key, version }, ...table].map((object) => this.#objects.find(object.key, object.version));
    return found.every((object) => object !== undefined) ? found : undefined;
  }

  /** Yields the ids of all objects that bundles need. */
  *objects(): Generator<number> {
    for (const row of this.#database.query<BundleRow, []>("SELECT * FROM bundles").iterate()) {
      const known = toKnown(row);
      for (const { id } of (known && this.objectsOf(known.ref)) ?? []) yield id;
    }
  }
}

/** Undefined for a row that another version of the program wrote. */
function toKnown({ look, heads, sealed_with, description }: BundleRow): KnownBundle | undefined {
  try {
    return { ref: parseBundleRef(description), look, heads, sealedWith: sealed_with };
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
