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

export class ChunkTable {
  readonly #any: Statement<unknown, []>;
  readonly #find: Statement<unknown, [Uint8Array]>;
  readonly #insert: Statement<unknown, [Uint8Array, ...ChunkColumns]>;
  readonly #insertLearned: Statement<unknown, [Uint8Array, ...ChunkColumns, number]>;

  constructor(database: Database) {
    this.#any = database.query("SELECT 1 FROM chunks LIMIT 1");
    this.#find = database.query("SELECT object, frame_offset, frame_length, offset, length FROM chunks WHERE id = ?");
    this.#insert = database.query("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)");
    this.#insertLearned = database.query(
      `INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
       SET object = excluded.object, frame_offset = excluded.frame_offset, frame_length = excluded.frame_length,
         offset = excluded.offset, length = excluded.length
       WHERE coalesce((SELECT retain_until FROM objects WHERE id = chunks.object), 0) < ?
         OR (SELECT standing FROM objects WHERE id = chunks.object) < (SELECT standing FROM objects WHERE id = excluded.object)`,
    );
  }

  isEmpty(): boolean {
    return this.#any.get() === null;
  }

  get(id: Uint8Array): ChunkPlace | undefined {
    const row = this.#find.values(id)[0] as ChunkColumns | undefined;
    if (row === undefined) return undefined;
    const [object, frameOffset, frameLength, offset, length] = row;
    return { object, frameOffset, frameLength, offset, length };
  }

  set(id: Uint8Array, { object, frameOffset, frameLength, offset, length }: ChunkPlace): void {
    this.#insert.run(id, object, frameOffset, frameLength, offset, length);
  }

  /**
   * Records what others say, unless the chunk is known already in an object that is locked until `minimumLockEnd` or longer: only a
   * stronger claim replaces such a place. `object` is a claim itself.
   */
  learn(id: Uint8Array, { object, frameOffset, frameLength, offset, length }: ChunkPlace, minimumLockEnd: Date): void {
    this.#insertLearned.run(id, object, frameOffset, frameLength, offset, length, minimumLockEnd.getTime());
  }
}
