/**
 * Tracks which files wait for which objects. Writes a file's row into the state database only when all content that it
 * refers to is stored, so the database never names content that the bucket does not have.
 */
import type { Database } from "bun:sqlite";
import type { Extent, ObjectRef } from "../../../format/entry.ts";
import { encodeExtents } from "../../../format/entry-row.ts";
import { BitSet } from "../../state/bit-set.ts";
import { type ChunkPlace, ChunkTable } from "../../state/chunks.ts";
import { type FileRow, FileTable } from "../../state/files.ts";
import { ObjectTable } from "../../state/objects.ts";

/** A chunk that is being stored. `place` is set when it is stored. */
export type NewChunk = {
  /** SHA-256, hex. */
  readonly id: string;
  readonly length: number;
  place: ChunkPlace | undefined;
  waiting: WaitingFile[];
};

/** An extent whose chunk may not be stored yet: all of the chunk's bytes, or some of them. */
export type PendingExtent = {
  readonly chunk: NewChunk | ChunkPlace;
  /** First byte within the chunk; `length`: number of bytes. */
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
};

type WaitingFile = {
  readonly row: Omit<FileRow, "extents">;
  readonly extents: readonly PendingExtent[];
  /** Number of chunks that are not stored yet. */
  missing: number;
};

export type StoredChunk = { readonly chunk: NewChunk; readonly place: Omit<ChunkPlace, "object" | "length"> };

/** Which objects may be built upon, by id. */
export type UsableObjects = { readonly expiring: BitSet; readonly claims: BitSet };

export class Ledger {
  readonly objects: ObjectTable;
  readonly files: FileTable;
  readonly #database: Database;
  readonly #expiring: BitSet;
  readonly #claims: BitSet;
  readonly #wanted = new BitSet();
  readonly #retainUntil: Date;
  readonly #chunks: ChunkTable;
  readonly #underWay = new Map<string, NewChunk>();

  /**
   * `expiring`: objects whose lock ends too soon to build upon; what lies in them is unknown. `claims`: objects that are to be
   * looked up if they are found here.
   */
  constructor(database: Database, { expiring, claims }: UsableObjects, retainUntil: Date) {
    this.#database = database;
    this.#expiring = expiring;
    this.#claims = claims;
    this.#retainUntil = retainUntil;
    this.objects = new ObjectTable(database);
    this.files = new FileTable(database);
    this.#chunks = new ChunkTable(database);
    this.#database.run("BEGIN");
  }

  /** Returns the chunk with this id if it is stored or being stored. */
  find(id: string, length: number): NewChunk | ChunkPlace | undefined {
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) return underWay;
    const place = this.#chunks.get(Buffer.from(id, "hex"));
    if (place === undefined || place.length !== length || this.#expiring.has(place.object)) return undefined;
    if (this.#claims.has(place.object)) this.#want(place.object);
    return place;
  }

  #want(object: number): void {
    if (this.#wanted.has(object)) return;
    this.#wanted.add(object);
    this.objects.want(object);
  }

  /** Registers a chunk that is about to be stored, so that it is stored only once. */
  announce(id: string, length: number): NewChunk {
    const chunk: NewChunk = { id, length, place: undefined, waiting: [] };
    this.#underWay.set(id, chunk);
    return chunk;
  }

  /** Takes a file's row. Writes it now, or when the last of its chunks is stored. */
  file(row: Omit<FileRow, "extents">, extents: readonly PendingExtent[]): void {
    const waiting: WaitingFile = { row, extents, missing: 0 };
    for (const { chunk } of extents) {
      // This file waits for the chunk already: no other file was added since.
      if (!isNew(chunk) || chunk.place !== undefined || chunk.waiting.at(-1) === waiting) continue;
      chunk.waiting.push(waiting);
      waiting.missing += 1;
    }
    if (waiting.missing === 0) this.#write(waiting);
  }

  /** Records a stored object, its chunks, and each row that waited only for it. Commits, so a killed run keeps them. */
  stored(ref: ObjectRef, chunks: readonly StoredChunk[]): void {
    const object = this.objects.add(ref, this.#retainUntil, false);
    for (const { chunk, place } of chunks) {
      chunk.place = { object, length: chunk.length, ...place };
      this.#chunks.set(Buffer.from(chunk.id, "hex"), chunk.place);
      this.#underWay.delete(chunk.id);
    }
    for (const { chunk } of chunks) {
      for (const waiting of chunk.waiting.splice(0)) {
        waiting.missing -= 1;
        if (waiting.missing === 0) this.#write(waiting);
      }
    }
    this.commit();
  }

  commit(): void {
    this.#database.run("COMMIT");
    this.#database.run("BEGIN");
  }

  /** Throws if a chunk was never stored: files that need it would be missing without a report. */
  checkSettled(): void {
    if (this.#underWay.size > 0) throw new Error(`${this.#underWay.size} chunks were announced but never stored`);
  }

  close(): void {
    // Some errors, such as a full disk, end the transaction.
    if (this.#database.inTransaction) this.#database.run("COMMIT");
  }

  #write({ row, extents }: WaitingFile): void {
    this.files.set({ ...row, extents: encodeExtents(extents.map(toExtent)) });
  }
}

function isNew(chunk: NewChunk | ChunkPlace): chunk is NewChunk {
  return "waiting" in chunk;
}

function toExtent({ chunk, offset, length, sha256 }: PendingExtent): Extent {
  const place = isNew(chunk) ? chunk.place : chunk;
  if (place === undefined) throw new Error("a file's row was written before its content was stored");
  const { object, frameOffset, frameLength } = place;
  return { object, frameOffset, frameLength, offset: place.offset + offset, length, sha256 };
}
