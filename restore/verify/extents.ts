/** Keeps the extents that files need of the objects to be read, each once, and which of them are wrong. */
import type { Database } from "bun:sqlite";
import type { Extent } from "../../core/format/entries/entry.ts";
import type { References } from "../../core/manifest/references/references.ts";

/** An extent of a given object. */
export type NeededExtent = Omit<Extent, "object">;

/** A file, or a segment of one. */
export type HasExtents = { readonly extents: readonly Extent[] };

const schema = `
  CREATE TEMP TABLE extents (
    object INTEGER, frame_offset INTEGER, frame_length INTEGER, offset INTEGER, length INTEGER, sha256 TEXT,
    wrong INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (object, frame_offset, frame_length, offset, length, sha256)
  ) WITHOUT ROWID;
`;
const isThis = "object = ? AND frame_offset = ? AND frame_length = ? AND offset = ? AND length = ? AND sha256 = ?";
const pageSize = 1_000;
const beforeAll: NeededExtent = { frameOffset: -1, frameLength: -1, offset: -1, length: -1, sha256: "" };
type ThisExtent = [number, number, number, number, number, string];

export class Extents {
  readonly #database: Database;

  constructor({ database }: References) {
    this.#database = database;
    this.#database.run(schema);
  }

  /** Adds the extents of a file that lie in objects with an id in `ids`. */
  add({ extents }: HasExtents, ids: readonly (number | undefined)[]): void {
    const insert = this.#database.query<null, ThisExtent>(
      `INSERT OR IGNORE INTO extents (object, frame_offset, frame_length, offset, length, sha256)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    for (const extent of extents) {
      const id = ids[extent.object];
      if (id !== undefined) insert.run(...columnsOf(id, extent));
    }
  }

  /** Yields the extents of an object in order of frame, then of offset, some at a time: they may be marked meanwhile. */
  *inOrder(object: number): Generator<NeededExtent> {
    const page = this.#database.prepare<NeededExtent, ThisExtent>(
      `SELECT frame_offset frameOffset, frame_length frameLength, offset, length, sha256 FROM extents
       WHERE object = ? AND (frame_offset, frame_length, offset, length, sha256) > (?, ?, ?, ?, ?)
       ORDER BY frame_offset, frame_length, offset, length, sha256 LIMIT ${pageSize}`,
    );
    try {
      let last: NeededExtent | undefined = beforeAll;
      while (last !== undefined) {
        const rows: NeededExtent[] = page.all(...columnsOf(object, last));
        yield* rows;
        last = rows.at(-1);
      }
    } finally {
      page.finalize();
    }
  }

  /** Returns the extents of an object in that order. Not for bundles, which may have millions. */
  in(object: number): NeededExtent[] {
    return this.#database
      .query<NeededExtent, [number]>(
        `SELECT frame_offset frameOffset, frame_length frameLength, offset, length, sha256 FROM extents
         WHERE object = ? ORDER BY frame_offset, frame_length, offset`,
      )
      .all(object);
  }

  markAllWrong(object: number): void {
    this.#database.query<null, [number]>("UPDATE extents SET wrong = 1 WHERE object = ?").run(object);
  }

  /** Takes all marks of an object back, before it is read again. */
  unmark(object: number): void {
    this.#database.query<null, [number]>("UPDATE extents SET wrong = 0 WHERE object = ? AND wrong = 1").run(object);
  }

  markWrong(object: number, extents: readonly NeededExtent[]): void {
    const update = this.#database.query<null, ThisExtent>(`UPDATE extents SET wrong = 1 WHERE ${isThis}`);
    this.#database.transaction(() => {
      for (const extent of extents) update.run(...columnsOf(object, extent));
    })();
  }

  /** Yields the extents of an object that are wrong. */
  *wrongIn(object: number): Generator<NeededExtent> {
    const rows = this.#database.query<NeededExtent, [number]>(
      `SELECT frame_offset frameOffset, frame_length frameLength, offset, length, sha256 FROM extents
       WHERE object = ? AND wrong = 1`,
    );
    yield* rows.iterate(object);
  }

  isWrong(object: number, extent: NeededExtent): boolean {
    const query = this.#database.query<{ wrong: number }, ThisExtent>(`SELECT wrong FROM extents WHERE ${isThis}`);
    return query.get(...columnsOf(object, extent))?.wrong === 1;
  }
}

function columnsOf(object: number, { frameOffset, frameLength, offset, length, sha256 }: NeededExtent): ThisExtent {
  return [object, frameOffset, frameLength, offset, length, sha256];
}
