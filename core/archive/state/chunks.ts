/** Which chunk lies where. */
import type { Database, Statement } from "bun:sqlite";

export type ChunkPlace = {
  readonly object: number;
  readonly frameOffset: number;
  readonly frameLength: number;
  readonly offset: number;
  readonly length: number;
};

type Columns = [object: number, frameOffset: number, frameLength: number, offset: number, length: number];

export class ChunkTable {
  private readonly find: Statement<unknown, [Uint8Array]>;
  private readonly insert: Statement<unknown, [Uint8Array, ...Columns]>;

  constructor(database: Database) {
    this.find = database.query("SELECT object, frame_offset, frame_length, offset, length FROM chunks WHERE id = ?");
    this.insert = database.query("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)");
  }

  get(id: Uint8Array): ChunkPlace | undefined {
    const row = this.find.values(id)[0] as Columns | undefined;
    if (row === undefined) return undefined;
    const [object, frameOffset, frameLength, offset, length] = row;
    return { object, frameOffset, frameLength, offset, length };
  }

  set(id: Uint8Array, { object, frameOffset, frameLength, offset, length }: ChunkPlace): void {
    this.insert.run(id, object, frameOffset, frameLength, offset, length);
  }
}
