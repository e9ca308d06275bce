/**
 * Tracks which files wait for which objects. Writes a file's row into the state database only when all content that it
 * refers to is stored, so the database never names content that the bucket does not have.
 */
import type { Database } from "bun:sqlite";
import type { Extent, ObjectRef, Segment } from "../../../format/entries/entry.ts";
import { continuedIn } from "../../../format/entries/entry-row.ts";
import { encodeSegmentHead } from "../../../format/entries/segment.ts";
import type { ByteString } from "../../../format/path.ts";
import { BitSet } from "../../state/tables/bit-set.ts";
import { type ChunkPlace, ChunkTable } from "../../state/tables/chunks.ts";
import { FileTable, type RowToSet } from "../../state/tables/files.ts";
import { ObjectTable } from "../../state/tables/objects.ts";
import { packExtents } from "../../state/tables/packed-extents.ts";
import type { Tree } from "../../state/tables/trees.ts";

/** A chunk that is being stored. `place` is set when it is stored. */
export type NewChunk = {
  /** SHA-256, hex; in sealed backups made of that with a secret. */
  readonly id: string;
  readonly sha256: string;
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

type RowWithoutExtents = Omit<RowToSet, "extents">;

type WaitingFile = {
  readonly row: RowWithoutExtents;
  readonly extents: readonly PendingExtent[];
  /** Set for a segment of a file. */
  readonly of: ContinuedRow | undefined;
  /** Number of chunks that are not stored yet. */
  missing: number;
  /** Number of extents whose chunk others wait for already. */
  repeats: number;
};

export type StoredChunk = { readonly chunk: NewChunk } & Omit<ChunkPlace, "object" | "length">;

/** A file that goes on in segments. Its own row is written after those of all segments, so a killed run leaves no half of it. */
type ContinuedRow = { row: RowWithoutExtents | undefined; missing: number; cancelled: boolean };

export type SegmentToStore = Pick<Segment, "path" | "file" | "size" | "holes">;

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
  /** Beginnings of all ids that the table may have, if it was empty, as in a first backup: most others need no query. */
  readonly #beginnings: BitSet | undefined;
  readonly #underWay = new Map<string, NewChunk>();
  #repeats = 0;
  /** Files of this run that go on in segments. */
  readonly #continued = new Map<ByteString, ContinuedRow>();

  /**
   * `expiring`: objects whose lock ends too soon to build upon; what lies in them is unknown. `claims`: objects that are to be
   * looked up if they are found here. `tree`: whose rows it writes.
   */
  constructor(database: Database, { expiring, claims }: UsableObjects, retainUntil: Date, tree: Tree = "files") {
    this.#database = database;
    this.#expiring = expiring;
    this.#claims = claims;
    this.#retainUntil = retainUntil;
    this.objects = new ObjectTable(database);
    this.files = new FileTable(database, tree);
    this.#chunks = new ChunkTable(database);
    this.#beginnings = this.#chunks.isEmpty() ? new BitSet() : undefined;
    this.#database.run("BEGIN");
  }

  /** Returns the chunk with this id if it is stored or being stored. */
  find(id: string, length: number): NewChunk | ChunkPlace | undefined {
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) return underWay;
    if (this.#beginnings?.has(beginningOf(id)) === false) return undefined;
    const place = this.#chunks.get(bytesOf(id));
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
  announce(id: string, length: number, sha256: string = id): NewChunk {
    const chunk: NewChunk = { id, sha256, length, place: undefined, waiting: [] };
    this.#underWay.set(id, chunk);
    return chunk;
  }

  /**
   * Number of extents that wait in memory for a chunk that others wait for, too. Their number grows with that of copies and hard links,
   * while the pack that has the chunk does not.
   */
  get repeats(): number {
    return this.#repeats;
  }

  /** Takes a file's row. Writes it now, or when the last of its chunks is stored. */
  file(row: RowWithoutExtents, extents: readonly PendingExtent[]): void {
    this.#take({ row, extents, of: undefined, missing: 0, repeats: 0 });
  }

  /** Takes the row of a file whose segments are complete. */
  continuedFile(row: RowWithoutExtents): void {
    const file = this.#continued.get(row.path);
    if (file === undefined) throw new Error("a file goes on in segments that were never taken");
    file.row = row;
    this.#endContinued(file);
  }

  /** Takes the next segment of a file. The first one replaces all that was known of the file. */
  segment({ path, file, ...rest }: SegmentToStore, extents: readonly PendingExtent[]): void {
    const known = this.#continued.get(file);
    const of = known ?? { row: undefined, missing: 0, cancelled: false };
    if (known === undefined) {
      this.#forget(file);
      this.#continued.set(file, of);
    }
    of.missing += 1;
    const row = { path, fingerprint: undefined, head: encodeSegmentHead({ path, ...rest }), bytes: 0 };
    this.#take({ row, extents, of, missing: 0, repeats: 0 });
  }

  /** Removes the row of a path, and its segments, those that still wait included. */
  remove(path: ByteString): void {
    const under = this.#continued.get(path);
    if (under !== undefined || continuedIn(this.files.get(path)?.head ?? "") !== undefined) this.#forget(path);
    else this.files.remove(path);
    if (under !== undefined) under.cancelled = true;
    this.#continued.delete(path);
  }

  /** Returns whether a path is that of a file that goes on in segments. */
  isContinued(path: ByteString): boolean {
    return this.#continued.has(path) || continuedIn(this.files.get(path)?.head ?? "") !== undefined;
  }

  #forget(path: ByteString): void {
    this.files.remove(path);
    this.files.removeSegments(path);
  }

  #take(waiting: WaitingFile): void {
    const { extents } = waiting;
    for (const { chunk } of extents) {
      if (!isNew(chunk) || chunk.place !== undefined) continue;
      if (chunk.waiting.length > 0) waiting.repeats += 1;
      // This file waits for the chunk already: no other file was added since.
      if (chunk.waiting.at(-1) === waiting) continue;
      chunk.waiting.push(waiting);
      waiting.missing += 1;
    }
    if (waiting.missing === 0) this.#write(waiting);
    else this.#repeats += waiting.repeats;
  }

  /** Returns the path of the row, or the segment, that waits for the oldest of the chunks that are being stored. */
  longestWaiting(): ByteString | undefined {
    // A chunk of a reading that did not count has no row.
    for (const { waiting } of this.#underWay.values()) if (waiting[0] !== undefined) return waiting[0].row.path;
    return undefined;
  }

  /**
   * Records a stored object, its chunks, and each row that waited only for it. Commits, so a killed run keeps them. `sha256`: of the
   * stored bytes, if nothing else says it.
   */
  stored(ref: ObjectRef, chunks: readonly StoredChunk[], sha256?: string): void {
    const object = this.objects.add(ref, this.#retainUntil, false, sha256);
    for (const { chunk, frameOffset, frameLength, offset } of chunks) {
      chunk.place = { object, frameOffset, frameLength, offset, length: chunk.length };
      const beginning = beginningOf(chunk.id);
      if (this.#beginnings?.has(beginning) === false) this.#chunks.add(bytesOf(chunk.id), chunk.place);
      else this.#chunks.set(bytesOf(chunk.id), chunk.place);
      this.#beginnings?.add(beginning);
    }
    this.#settle(chunks.map(({ chunk }) => chunk));
    this.commit();
  }

  /** Records where others have stored some of these chunks, which were announced: in objects that are to be looked up. */
  lookedUp(chunks: readonly NewChunk[], places: ReadonlyMap<string, ChunkPlace>): void {
    const found = chunks.filter(({ id }) => places.has(id));
    for (const chunk of found) {
      chunk.place = places.get(chunk.id);
      if (chunk.place !== undefined) this.#want(chunk.place.object);
    }
    // The table may have rows by now of those that are of no use, too.
    for (const { id } of chunks) this.#beginnings?.add(beginningOf(id));
    this.#settle(found);
  }

  /** Writes the rows that waited only for these. */
  #settle(chunks: readonly NewChunk[]): void {
    for (const chunk of chunks) this.#underWay.delete(chunk.id);
    for (const chunk of chunks) {
      const { waiting: files } = chunk;
      chunk.waiting = [];
      for (const waiting of files) {
        waiting.missing -= 1;
        if (waiting.missing > 0) continue;
        this.#repeats -= waiting.repeats;
        this.#write(waiting);
      }
    }
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

  #write({ row, extents, of }: WaitingFile): void {
    if (of?.cancelled) return;
    const { path, fingerprint, head, bytes } = row;
    const [first] = extents;
    const placed = extents.length === 1 && first !== undefined ? [toExtent(first)] : extents.map(toExtent);
    this.files.set({ path, fingerprint, head, bytes, extents: packExtents(placed) });
    if (of === undefined) return;
    of.missing -= 1;
    this.#endContinued(of);
  }

  #endContinued({ row, missing }: ContinuedRow): void {
    if (row !== undefined && missing === 0) this.files.set({ ...row, extents: null });
  }
}

/** Returns 24 bits: at most 2 MiB for a set of them. */
function beginningOf(id: string): number {
  return Number.parseInt(id.slice(0, 6), 16);
}

const scratchId = Buffer.alloc(32);

/** Returns the bytes of an id, good until the next call. */
function bytesOf(id: string): Uint8Array {
  if (scratchId.write(id, "hex") !== scratchId.length) throw new Error(`${id} is no id of a chunk`);
  return scratchId;
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
