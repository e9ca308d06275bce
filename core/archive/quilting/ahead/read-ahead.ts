/** Puts files together into batches for the readers, and keeps these in order. */
import { type HeldFile, mostOfBatch } from "./messages.ts";
import { PieceView } from "./piece-view.ts";
import type { Readers, ReadingJob } from "./readers.ts";

/** Small files, or a large one, that one thread reads. */
export class Batch<File extends HeldFile> {
  readonly isLarge: boolean;
  readonly #files: File[];
  #job: ReadingJob | undefined;

  constructor(files: File[], isLarge: boolean) {
    this.#files = files;
    this.isLarge = isLarge;
  }

  /** Those that nobody has taken. */
  get files(): readonly File[] {
    return this.#files;
  }

  start(readers: Readers): void {
    this.#job = readers.read(this.#files);
  }

  /** Whether the next piece is there. */
  get hasPiece(): boolean {
    return this.#job?.hasPiece() === true;
  }

  /** Takes the next file: it is the caller's from now on. */
  shift(): File | undefined {
    return this.#files.shift();
  }

  /** Each is good until the next is asked for. */
  async *pieces(): AsyncGenerator<PieceView, void> {
    if (this.#job === undefined) throw new Error("a batch that was not started is to be taken");
    for await (const piece of this.#job.pieces) yield new PieceView(piece);
  }
}

export class ReadAhead<File extends HeldFile> {
  readonly #readers: Readers;
  /** In the order of their files: those that are read, and those that wait for room. */
  readonly #started: Batch<File>[] = [];
  readonly #waiting: Batch<File>[] = [];
  #filling: File[] = [];
  #bytes = 0;

  constructor(readers: Readers) {
    this.#readers = readers;
  }

  /** Adds the next file. Returns false if batches are to be taken before another one comes. */
  add(file: File): boolean {
    const { size } = file.stat;
    const isLarge = size > mostOfBatch.bytes;
    if (isLarge || this.#bytes + size > mostOfBatch.bytes) this.endBatch();
    if (isLarge) this.#waiting.push(new Batch([file], true));
    else {
      this.#filling.push(file);
      this.#bytes += size;
      if (this.#filling.length === mostOfBatch.files) this.endBatch();
    }
    return this.startWaiting();
  }

  /** Ends the batch that is being filled. */
  endBatch(): void {
    if (this.#filling.length > 0) this.#waiting.push(new Batch(this.#filling, false));
    this.#filling = [];
    this.#bytes = 0;
  }

  /** Starts what waits, as far as there is room. Returns whether nothing waits any more. */
  startWaiting(): boolean {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#readers.hasRoom(next.isLarge)) return false;
      next.start(this.#readers);
      this.#started.push(next);
      this.#waiting.shift();
    }
    return true;
  }

  oldest(): Batch<File> | undefined {
    return this.#started[0];
  }

  /** Forgets the oldest batch, once its pieces were taken. */
  drop(): void {
    this.#started.shift();
  }

  /** Returns the first file that nobody has taken. */
  first(): File | undefined {
    for (const batches of [this.#started, this.#waiting])
      for (const { files } of batches) if (files[0] !== undefined) return files[0];
    return this.#filling[0];
  }

  /** Number of files that nobody has taken. */
  get size(): number {
    return this.#files().reduce((sum, files) => sum + files.length, 0);
  }

  some(isIt: (file: File) => boolean): boolean {
    return this.#files().some((files) => files.some(isIt));
  }

  /** Forgets all. Returns the files that nobody has taken. */
  abandon(): File[] {
    const files = this.#files().flat();
    this.#started.length = 0;
    this.#waiting.length = 0;
    this.#filling = [];
    return files;
  }

  #files(): (readonly File[])[] {
    return [...this.#started.map(({ files }) => files), ...this.#waiting.map(({ files }) => files), this.#filling];
  }
}
