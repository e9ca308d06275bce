/** The state database's table of chunks: which lies where. */
import type { Database, Statement } from "bun:sqlite";

export type ChunkPlace = {
  readonly object: number;
  readonly frameOffset: number;
  readonly frameLength: number;
  readonly offset: number;
  readonly length: number;
};

type ChunkColumns = [object: number, frameOffset: number, frameLength: number, offset: number, length: number];
type KnownColumns = [row: number, ...ChunkColumns];

/** Condition for a chunk, by the index of the first bytes of ids. */
const thisId = "substr(id, 1, 8) = substr(?1, 1, 8) AND id = ?1";
/** Ids of others that begin alike, of which more are not believed: each that is looked for is compared with all of them. */
const mostAlike = 16;

export class ChunkTable {
  readonly #any: Statement<unknown, []>;
  readonly #find: Statement<unknown, [Uint8Array]>;
  readonly #insert: Statement<unknown, [Uint8Array, ...ChunkColumns]>;
  readonly #move: Statement<unknown, [...ChunkColumns, number]>;
  readonly #learnPlace: Statement<unknown, [...ChunkColumns, number, number]>;
  readonly #alike: Statement<unknown, [Uint8Array]>;

  constructor(database: Database) {
    this.#any = database.query("SELECT 1 FROM chunks LIMIT 1");
    this.#find = database.query(
      `SELECT rowid, object, frame_offset, frame_length, offset, length FROM chunks WHERE ${thisId}`,
    );
    this.#insert = database.query("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)");
    const move =
      "UPDATE chunks SET object = ?1, frame_offset = ?2, frame_length = ?3, offset = ?4, length = ?5 WHERE rowid = ?6";
    this.#move = database.query(move);
    this.#learnPlace = database.query(
      `${move} AND (coalesce((SELECT retain_until FROM objects WHERE id = chunks.object), 0) < ?7
         OR (SELECT standing FROM objects WHERE id = chunks.object) < (SELECT standing FROM objects WHERE id = ?1))`,
    );
    this.#alike = database.query(
      `SELECT count(*) FROM (SELECT 1 FROM chunks WHERE substr(id, 1, 8) = substr(?1, 1, 8) LIMIT ${mostAlike})`,
    );
  }

  isEmpty(): boolean {
    return this.#any.get() === null;
  }

  get(id: Uint8Array): ChunkPlace | undefined {
    const row = this.#known(id);
    if (row === undefined) return undefined;
    const [, object, frameOffset, frameLength, offset, length] = row;
    return { object, frameOffset, frameLength, offset, length };
  }

  #known(id: Uint8Array): KnownColumns | undefined {
    return this.#find.values(id)[0] as KnownColumns | undefined;
  }

  /** Records where a chunk is stored that is not in the table. */
  add(id: Uint8Array, place: ChunkPlace): void {
    this.#insert.run(id, ...columnsOf(place));
  }

  /** Records where a chunk is stored, instead of where it was. */
  set(id: Uint8Array, place: ChunkPlace): void {
    const [row] = this.#known(id) ?? [];
    if (row === undefined) this.add(id, place);
    else this.#move.run(...columnsOf(place), row);
  }

  /**
   * Records what others say, unless the chunk is known already in an object that is locked until `minimumLockEnd` or longer: only a
   * stronger claim replaces such a place. `object` is a claim itself.
   */
  learn(id: Uint8Array, place: ChunkPlace, minimumLockEnd: Date): void {
    const [row] = this.#known(id) ?? [];
    if (row !== undefined) this.#learnPlace.run(...columnsOf(place), row, minimumLockEnd.getTime());
    else if (this.#isUnlikeOthers(id)) this.add(id, place);
  }

  #isUnlikeOthers(id: Uint8Array): boolean {
    const [[alike] = [0]] = this.#alike.values(id) as [number][];
    return alike < mostAlike;
  }
}

function columnsOf({ object, frameOffset, frameLength, offset, length }: ChunkPlace): ChunkColumns {
  return [object, frameOffset, frameLength, offset, length];
}
