/**
 * Which files wait for which objects. A file's row goes into the state database when everything that it refers to is
 * stored, not before: what the database says was stored, was stored.
 */
import type { Database } from "bun:sqlite";
import type { Extent, ObjectRef } from "../../../format/entry.ts";
import { encodeExtents } from "../../../format/entry-json.ts";
import type { BitSet } from "../../state/bit-set.ts";
import { type ChunkPlace, ChunkTable } from "../../state/chunks.ts";
import { type FileRow, FileTable } from "../../state/files.ts";
import { ObjectTable } from "../../state/objects.ts";

/** A chunk that is being stored; `place` is set once it is. */
export type NewChunk = {
  /** SHA-256, hex. */
  readonly id: string;
  readonly length: number;
  place: ChunkPlace | undefined;
  waiting: Waiting[];
};

/** A run of a file's bytes: all of a chunk, or some of it. */
export type Piece = {
  readonly chunk: NewChunk | ChunkPlace;
  /** First byte within the chunk, and how many. */
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
};

type Waiting = { readonly row: Omit<FileRow, "extents">; readonly pieces: readonly Piece[]; missing: number };

export type StoredChunk = { readonly chunk: NewChunk; readonly place: Omit<ChunkPlace, "object" | "length"> };

export class Ledger {
  readonly objects: ObjectTable;
  readonly files: FileTable;
  private readonly chunks: ChunkTable;
  private readonly underWay = new Map<string, NewChunk>();

  constructor(
    private readonly database: Database,
    /** Objects whose lock ends too soon to build upon: what lies in them is unknown. */
    private readonly lapsing: BitSet,
    private readonly retainUntil: Date,
  ) {
    this.objects = new ObjectTable(database);
    this.files = new FileTable(database);
    this.chunks = new ChunkTable(database);
    this.database.run("BEGIN");
  }

  /** The chunk with this id if it is stored or about to be. */
  find(id: string, length: number): NewChunk | ChunkPlace | undefined {
    const underWay = this.underWay.get(id);
    if (underWay !== undefined) return underWay;
    const place = this.chunks.get(Buffer.from(id, "hex"));
    return place !== undefined && place.length === length && !this.lapsing.has(place.object) ? place : undefined;
  }

  /** Announces a chunk, so that it is stored once however often it comes. */
  announce(id: string, length: number): NewChunk {
    const chunk: NewChunk = { id, length, place: undefined, waiting: [] };
    this.underWay.set(id, chunk);
    return chunk;
  }

  /** Takes a file's row: written now, or when the last of its chunks is stored. */
  file(row: Omit<FileRow, "extents">, pieces: readonly Piece[]): void {
    const waiting: Waiting = { row, pieces, missing: 0 };
    for (const { chunk } of pieces) {
      // No other file comes between, so the last who waits tells whether this one does already.
      if (!isNew(chunk) || chunk.place !== undefined || chunk.waiting.at(-1) === waiting) continue;
      chunk.waiting.push(waiting);
      waiting.missing += 1;
    }
    if (waiting.missing === 0) this.write(waiting);
  }

  /** Takes a stored object with its chunks, and every row that waited for it: a killed run does not lose them. */
  stored(ref: ObjectRef, chunks: readonly StoredChunk[]): void {
    const object = this.objects.add(ref, this.retainUntil, false);
    for (const { chunk, place } of chunks) {
      chunk.place = { object, length: chunk.length, ...place };
      this.chunks.set(Buffer.from(chunk.id, "hex"), chunk.place);
      this.underWay.delete(chunk.id);
    }
    for (const { chunk } of chunks) {
      for (const waiting of chunk.waiting.splice(0)) {
        waiting.missing -= 1;
        if (waiting.missing === 0) this.write(waiting);
      }
    }
    this.commit();
  }

  commit(): void {
    this.database.run("COMMIT");
    this.database.run("BEGIN");
  }

  /** That nothing waits any more: a file whose content was forgotten on the way would be missing silently. */
  checkSettled(): void {
    if (this.underWay.size > 0) throw new Error(`${this.underWay.size} chunks were announced but never stored`);
  }

  close(): void {
    // Some errors, such as a full disk, have ended the transaction.
    if (this.database.inTransaction) this.database.run("COMMIT");
  }

  private write({ row, pieces }: Waiting): void {
    this.files.set({ ...row, extents: encodeExtents(pieces.map(toExtent)) });
  }
}

function isNew(chunk: NewChunk | ChunkPlace): chunk is NewChunk {
  return "waiting" in chunk;
}

function toExtent({ chunk, offset, length, sha256 }: Piece): Extent {
  const place = isNew(chunk) ? chunk.place : chunk;
  if (place === undefined) throw new Error("a file's row was written before its content was stored");
  const { object, frameOffset, frameLength } = place;
  return { object, frameOffset, frameLength, offset: place.offset + offset, length, sha256 };
}
