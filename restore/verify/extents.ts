/** The extents that files need of each object which is to be read, each once; and those found to be wrong. */
import type { Database } from "bun:sqlite";
import type { Extent, FileEntry } from "../../core/format/entry.ts";
import type { Findings } from "./findings.ts";

const schema = `
  CREATE TEMP TABLE extents (
    object INTEGER, frame_offset INTEGER, frame_length INTEGER, at INTEGER, length INTEGER, sha256 TEXT,
    bad INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (object, frame_offset, frame_length, at, length, sha256)
  ) WITHOUT ROWID;
`;

/** `at`: the first byte within the decompressed frame. */
export type NeededExtent = {
  readonly frame_offset: number;
  readonly frame_length: number;
  readonly at: number;
  readonly length: number;
  readonly sha256: string;
};

const neededOf = ({ frameOffset, frameLength, offset, length, sha256 }: Extent): NeededExtent => ({
  frame_offset: frameOffset,
  frame_length: frameLength,
  at: offset,
  length,
  sha256,
});

export class Extents {
  readonly #database: Database;

  constructor({ database }: Findings) {
    this.#database = database;
    this.#database.run(schema);
  }

  /** Those of the files in objects that `ids` gives a number for. */
  add(files: readonly FileEntry[], ids: readonly (number | undefined)[]): void {
    const insert = this.#database.query(
      "INSERT OR IGNORE INTO extents (object, frame_offset, frame_length, at, length, sha256) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#database.transaction(() => {
      for (const { extents } of files) {
        for (const extent of extents) {
          const id = ids[extent.object];
          if (id === undefined) continue;
          const { frame_offset, frame_length, at, length, sha256 } = neededOf(extent);
          insert.run(id, frame_offset, frame_length, at, length, sha256);
        }
      }
    })();
  }

  /** In order of frame, then of place in the frame. */
  of(object: number): NeededExtent[] {
    return this.#database
      .query<NeededExtent, [number]>(
        "SELECT frame_offset, frame_length, at, length, sha256 FROM extents WHERE object = ? ORDER BY frame_offset, frame_length, at",
      )
      .all(object);
  }

  wrong(object: number, extents: readonly NeededExtent[]): void {
    const update = this.#database.query(
      `UPDATE extents SET bad = 1 WHERE object = ? AND frame_offset = ? AND frame_length = ? AND at = ? AND length = ?
       AND sha256 = ?`,
    );
    this.#database.transaction(() => {
      for (const { frame_offset, frame_length, at, length, sha256 } of extents)
        update.run(object, frame_offset, frame_length, at, length, sha256);
    })();
  }

  isWrong(object: number, extent: Extent): boolean {
    const { frame_offset, frame_length, at, length, sha256 } = neededOf(extent);
    const query = this.#database.query<{ bad: number }, [number, number, number, number, number, string]>(
      `SELECT bad FROM extents WHERE object = ? AND frame_offset = ? AND frame_length = ? AND at = ? AND length = ?
       AND sha256 = ?`,
    );
    return query.get(object, frame_offset, frame_length, at, length, sha256)?.bad === 1;
  }
}
