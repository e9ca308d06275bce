/** Extents that objects do not hold: which of them this state believes in, as places of chunks or as content of files. */
import type { Database } from "bun:sqlite";
import type { Extent } from "../../../format/entries/entry.ts";
import { looksOfAll } from "./files.ts";
import { restsOn, unpackExtents } from "./packed-extents.ts";

export type WrongExtent = Omit<Extent, "object">;

type Columns = [object: number, frameOffset: number, offset: number, length: number, sha256: Uint8Array];

const table = `CREATE TEMP TABLE false_extents (
  object INTEGER, frame_offset INTEGER, offset INTEGER, length INTEGER, sha256 BLOB,
  PRIMARY KEY (object, frame_offset, offset, length, sha256)
) WITHOUT ROWID`;

export class FalseExtents {
  readonly #database: Database;
  readonly #objects = new Set<number>();
  readonly #insert;

  constructor(database: Database) {
    this.#database = database;
    database.run(table);
    this.#insert = database.query<unknown, Columns>("INSERT OR IGNORE INTO false_extents VALUES (?, ?, ?, ?, ?)");
  }

  add(object: number, extents: Iterable<WrongExtent>): void {
    this.#objects.add(object);
    this.#database.transaction(() => {
      for (const extent of extents) this.#insert.run(...columnsOf({ ...extent, object }));
    })();
  }

  /** Returns the objects of which something false is believed. */
  believed(): Set<number> {
    if (this.#objects.size === 0) return this.#objects;
    const places = this.#database.query<{ object: number }, []>(
      `SELECT DISTINCT object FROM false_extents JOIN chunks USING (object, frame_offset, offset, length) WHERE id = sha256`,
    );
    const found = new Set(places.all().map(({ object }) => object));
    const has = this.#database.query<unknown, Columns>(
      "SELECT 1 FROM false_extents WHERE object = ? AND frame_offset = ? AND offset = ? AND length = ? AND sha256 = ?",
    );
    for (const { extents } of looksOfAll(this.#database)) {
      if (extents === null || !restsOn(extents, this.#objects)) continue;
      for (const extent of unpackExtents(extents)) {
        if (!found.has(extent.object) && has.get(...columnsOf(extent)) !== null) found.add(extent.object);
      }
    }
    return found;
  }
}

function columnsOf({ object, frameOffset, offset, length, sha256 }: Extent): Columns {
  return [object, frameOffset, offset, length, Buffer.from(sha256, "hex")];
}
