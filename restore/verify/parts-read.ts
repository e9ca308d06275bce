/** Keeps the parts that could be read, and the objects that they name, in the database of `References`. */
import type { Database } from "bun:sqlite";
import type { ByteString } from "../../core/format/path.ts";
import type { ReferencedPart, References } from "../../core/manifest/references/references.ts";
import { rank } from "./findings.ts";

const schema = `
  -- What they hold, whatever roots say: the paths of the first and the last entry, and how many there are.
  CREATE TEMP TABLE parts_read (
    part INTEGER PRIMARY KEY, first TEXT NOT NULL, last TEXT NOT NULL, entries INTEGER NOT NULL
  );
  -- Entries of the part have content in the object.
  CREATE TEMP TABLE uses (part INTEGER, object INTEGER, PRIMARY KEY (part, object)) WITHOUT ROWID;
`;

/** Paths of the first and the last entry of a part. */
export type PathRange = { readonly first: ByteString; readonly last: ByteString; readonly entries: number };

/** A false statement of a root about a part. */
export type Contradiction = {
  readonly backup: number;
  readonly part: number;
  readonly key: string;
  /** Key of the part, its first path and number of entries, as the root states them. */
  readonly path: ByteString;
  readonly entries: number;
  /** First path of the next part, if the two overlap. */
  readonly overlapped: ByteString | undefined;
};

export class PartsRead {
  readonly #database: Database;
  readonly #insertPart;
  readonly #insertUse;

  constructor({ database }: References) {
    this.#database = database;
    this.#database.run(schema);
    this.#insertPart = this.#database.query<null, [number, string, string, number]>(
      "INSERT INTO parts_read VALUES (?, ?, ?, ?)",
    );
    this.#insertUse = this.#database.query<null, [number, number]>("INSERT OR IGNORE INTO uses VALUES (?, ?)");
  }

  /** Adds a part. `objects`: ids of the objects that it names. */
  add({ id }: ReferencedPart, { first, last, entries }: PathRange, objects: readonly number[]): void {
    this.#database.transaction(() => {
      this.#insertPart.run(id, first, last, entries);
      for (const object of objects) this.#insertUse.run(id, object);
    })();
  }

  /** Yields contradictions in order of backup and path. A hostile bucket may have any number of them. */
  *contradictions(): Generator<Contradiction> {
    // There are none in most buckets. This finds out without going through all parts of all backups.
    this.#database.run(`
      CREATE TEMP TABLE contradictions AS
      SELECT claims.id claim,
        (parts_read.entries > 0 AND path <> first) OR claims.entries <> parts_read.entries AS misstated
      FROM parts_read JOIN claims USING (part)
      WHERE misstated OR (next <> '' AND last >= next)`);
    type ContradictionRow = Omit<Contradiction, "overlapped"> & {
      readonly next: ByteString;
      readonly misstated: number;
    };
    const rows = this.#database.query<ContradictionRow, []>(
      `SELECT backup, part, key, claims.path, claims.entries, next, misstated
       FROM contradictions CROSS JOIN needs USING (claim) JOIN claims ON claims.id = claim
         JOIN parts ON parts.id = part
       ORDER BY backup, claims.path`,
    );
    for (const { next, misstated, ...rest } of rows.iterate()) {
      yield { ...rest, overlapped: misstated === 1 ? undefined : next };
    }
  }

  /** Returns the parts with entries that need damaged objects. */
  withDamage(): number[] {
    return this.#database
      .query<{ part: number }, []>(
        `SELECT DISTINCT part FROM uses JOIN states USING (object) WHERE worst = ${rank.damage} ORDER BY part`,
      )
      .all()
      .map(({ part }) => part);
  }
}
