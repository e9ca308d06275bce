/**
 * Threads that read files ahead. Each job goes to the thread with the least to do; its pieces come back in the order of the job. Buffers
 * are counted, which bounds the memory and the work under way.
 */
import { Worker } from "node:worker_threads";
import { Failure, reasonOf } from "../../../failure.ts";
import { threadAt } from "../../../thread.ts";
import { work } from "../../../trace.ts";
import {
  type FilledPiece,
  type FromReader,
  type HeldFile,
  mostOfBatch,
  openAtOnce,
  PieceBuffer,
  type ToReader,
  writeFiles,
} from "./messages.ts";

export type ReadersOptions = {
  readonly threads: number;
  /** Random words for the cuts between chunks in a sealed backup. */
  readonly gear?: Int32Array | undefined;
  readonly signal: AbortSignal;
};

/** Descriptors of everything but batches: files that wait for a lock, folders, connections. */
const otherDescriptors = 480;

/** Returns how many of these threads there may be: a thread that finds no descriptor ends the process. */
export function threadsAllowed(wanted: number, descriptors: number): number {
  // One more is being filled, and one may wait.
  const left = descriptors - otherDescriptors - (2 + spareBuffers) * mostOfBatch.files;
  const allowed = Math.min(wanted, Math.floor(left / (buffersOfThread * mostOfBatch.files + openAtOnce)));
  return allowed < 2 ? 0 : allowed;
}

type PieceMessage = FilledPiece & { readonly last: boolean };
type ReaderThread = { readonly worker: Worker; readonly ended: Promise<void>; jobs: number };

/** Milliseconds that a stopped run waits for a file to be read: it may lie on a server that does not answer. */
const longestEnd = 1_000;
const buffersOfLarge = 2;
/** It reads into one while the other is taken or filled. */
const buffersOfThread = 2;
const spareBuffers = 1;

/** Pieces of one job, as they come. */
class ReadJob {
  readonly #pieces: PieceMessage[] = [];
  #waiting: { resolve(piece: PieceMessage): void; reject(error: unknown): void } | undefined;
  isDone = false;

  constructor(
    readonly number: number,
    readonly thread: ReaderThread,
    readonly buffers: number,
  ) {}

  get hasPiece(): boolean {
    return this.#pieces.length > 0;
  }

  take(piece: PieceMessage): void {
    this.isDone = piece.last;
    if (this.#waiting === undefined) this.#pieces.push(piece);
    else this.#waiting.resolve(piece);
    this.#waiting = undefined;
  }

  fail(error: unknown): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  next(): Promise<PieceMessage> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) return Promise.resolve(piece);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }
}

/** `hasPiece`: whether the next piece is there. */
export type ReadingJob = { readonly pieces: AsyncGenerator<FilledPiece, void>; readonly hasPiece: () => boolean };

export class Readers {
  readonly #options: ReadersOptions;
  readonly #threads: ReaderThread[] = [];
  readonly #jobs = new Map<number, ReadJob>();
  readonly #made: PieceBuffer[] = [];
  readonly #free: PieceBuffer[] = [];
  readonly #ending = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #buffers: number;
  #used = 0;
  #next = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #onAbort = () => this.#fail(this.#options.signal.reason);

  constructor(options: ReadersOptions) {
    this.#options = options;
    this.#buffers = buffersOfThread * options.threads + spareBuffers;
    options.signal.addEventListener("abort", this.#onAbort);
  }

  /** Returns whether another job may begin. If not, take the pieces of the oldest first. */
  hasRoom(isLarge: boolean): boolean {
    return this.#used + (isLarge ? buffersOfLarge : 1) <= this.#buffers;
  }

  /**
   * Starts to read files: several small ones, or a large one. Yields pieces, each of which is good until the next is asked for. The
   * caller keeps the handles open until the end of the last piece, or until `stop` calls `release`.
   */
  read(files: readonly HeldFile[]): ReadingJob {
    const isLarge = (files[0]?.stat.size ?? 0) > mostOfBatch.bytes;
    const job = this.#startJob(isLarge ? buffersOfLarge : 1);
    const buffer = this.#buffer();
    writeFiles(buffer, files);
    this.#post(job, { kind: "read", job: job.number, files: files.length, isLarge, buffer: buffer.number });
    if (isLarge) this.#post(job, { kind: "more", job: job.number, buffer: this.#buffer().number });
    return { pieces: this.#pieces(job), hasPiece: () => job.hasPiece };
  }

  /**
   * Has the threads close their files and end. Calls `release` once none of them may open files by the handles that they were given any
   * more: as a rule before this returns, else when the last one has ended.
   */
  async stop(release = () => {}): Promise<void> {
    const { signal } = this.#options;
    signal.removeEventListener("abort", this.#onAbort);
    const threads = this.#threads.splice(0);
    Atomics.store(this.#ending, 0, 1);
    for (const { worker } of threads) worker.postMessage({ kind: "end" } satisfies ToReader);
    const isIdle = [...this.#jobs.values()].every(({ isDone }) => isDone);
    if (isIdle) return release();
    const ends = Promise.all(threads.map(({ ended }) => ended)).then(release);
    await Promise.race([ends, Bun.sleep(longestEnd)]);
    // The process may end before they do.
    for (const { worker } of threads) worker.unref();
  }

  async *#pieces(job: ReadJob): AsyncGenerator<PieceMessage, void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const piece = await work("wait for readers", () => job.next());
      yield piece;
      if (piece.last) {
        this.#used -= job.buffers;
        this.#jobs.delete(job.number);
        this.#free.push(piece.buffer);
        return;
      }
      this.#post(job, { kind: "more", job: job.number, buffer: piece.buffer.number });
    }
  }

  #startJob(buffers: number): ReadJob {
    const job = new ReadJob(this.#next, this.#leastBusy(), buffers);
    this.#next += 1;
    this.#used += buffers;
    job.thread.jobs += 1;
    this.#jobs.set(job.number, job);
    return job;
  }

  #leastBusy(): ReaderThread {
    const idle = this.#threads.find(({ jobs }) => jobs === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#options.threads) return this.#startThread();
    return this.#threads.reduce((least, thread) => (thread.jobs < least.jobs ? thread : least));
  }

  #startThread(): ReaderThread {
    const worker = new Worker(threadAt("core/archive/quilting/ahead/reader.ts"));
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const thread = { worker, ended, jobs: 0 };
    worker.on("message", (message: FromReader) => this.#hear(message));
    worker.on("error", (error) => this.#fail(failed(reasonOf(error), error)));
    worker.on("exit", (code) => {
      resolve();
      this.#fail(failed(`a thread that reads files ended with ${code}`));
    });
    const options: ToReader = {
      kind: "options",
      options: { gear: this.#options.gear, ending: this.#ending },
    };
    worker.postMessage(options);
    for (const buffer of this.#made) show(worker, buffer);
    this.#threads.push(thread);
    return thread;
  }

  #post({ thread }: ReadJob, message: Extract<ToReader, { kind: "read" | "more" }>): void {
    thread.worker.postMessage(message);
  }

  #hear(message: FromReader): void {
    const buffer = this.#made[message.buffer];
    if (buffer === undefined) throw new Error("a reader gives back a buffer that is not known");
    if (message.kind === "spare") this.#free.push(buffer);
    else {
      const job = this.#jobs.get(message.job);
      job?.take({ ...message, buffer });
      if (message.last && job !== undefined) job.thread.jobs -= 1;
    }
  }

  #buffer(): PieceBuffer {
    return this.#free.pop() ?? this.#makeBuffer();
  }

  #makeBuffer(): PieceBuffer {
    const buffer = new PieceBuffer(this.#made.length);
    this.#made.push(buffer);
    for (const { worker } of this.#threads) show(worker, buffer);
    return buffer;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const job of this.#jobs.values()) job.fail(this.#failure.error);
  }
}

function show(worker: Worker, { number, memory }: PieceBuffer): void {
  worker.postMessage({ kind: "buffer", number, memory } satisfies ToReader);
}

function failed(why: string, cause?: unknown): Failure {
  const remedy = "run again; if it happens again, set workers = 1 in [content] and report it";
  return new Failure({ doing: "read files in several threads", why, remedy, cause });
}
