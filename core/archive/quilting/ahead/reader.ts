/**
 * A thread that reads files: what runs in a worker. `readers.ts` starts it and gives it its work. It ends by itself when it is asked to, as
 * descriptors belong to all threads: those of a thread that is ended from outside would stay open.
 */
import { parentPort } from "node:worker_threads";
import { closeLinks } from "../../../system/files/handle.ts";
import { hurryCollector } from "../../../system/threads/garbage.ts";
import { readBatch, readLarge } from "./file-reader.ts";
import {
  type FileToRead,
  type FilledPiece,
  type FromReader,
  PieceBuffer,
  type ReaderOptions,
  ReadingEnded,
  readFiles,
  type ToReader,
} from "./messages.ts";

/** Buffers of one large file, and who waits for one. */
class Buffers {
  readonly #given: PieceBuffer[] = [];
  #waiting: PromiseWithResolvers<PieceBuffer> | undefined;
  #hasEnded = false;

  give(buffer: PieceBuffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#given.push(buffer);
    else waiting.resolve(buffer);
  }

  take(): Promise<PieceBuffer> {
    if (this.#hasEnded) return Promise.reject(new ReadingEnded());
    const buffer = this.#given.shift();
    if (buffer !== undefined) return Promise.resolve(buffer);
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }

  end(): void {
    this.#hasEnded = true;
    this.#waiting?.reject(new ReadingEnded());
  }
}

/** MiB that are counted as garbage for each batch of small files: more often takes more time, less often more memory. */
const hurryOfBatch = 3;

const port = parentPort;
if (port === null) throw new Error("this file is run as a worker only");
const large = new Map<number, Buffers>();
const known = new Map<number, PieceBuffer>();
let options: ReaderOptions = { gear: undefined, ending: new Int32Array(new SharedArrayBuffer(4)) };
let hasEnded = false;

function post(message: FromReader): void {
  port?.postMessage(message);
}

function postPiece(job: number, piece: FilledPiece, last: boolean): void {
  const { buffer, chunks, rare } = piece;
  post({ kind: "piece", job, last, buffer: buffer.number, chunks, rare });
}

function hear(message: ToReader): void {
  if (message.kind === "options") options = message.options;
  else if (message.kind === "buffer") known.set(message.number, new PieceBuffer(message.number, message.memory));
  else if (message.kind === "read") read(message);
  else if (message.kind === "more") large.get(message.job)?.give(bufferOf(message.buffer));
}

function bufferOf(number: number): PieceBuffer {
  const buffer = known.get(number);
  if (buffer === undefined) throw new Error("a reader gets a buffer that it does not know");
  return buffer;
}

function read({ job, files, isLarge, buffer: number }: Extract<ToReader, { kind: "read" }>): void {
  const buffer = bufferOf(number);
  const [first, ...others] = readFiles(buffer, files);
  if (first === undefined) throw new Error("a reader has nothing to read");
  if (isLarge) startLarge(job, first, buffer);
  else {
    postPiece(job, readBatch([first, ...others], buffer, options), true);
    hurryCollector(hurryOfBatch);
  }
}

function startLarge(job: number, file: FileToRead, buffer: PieceBuffer): void {
  const buffers = new Buffers();
  buffers.give(buffer);
  large.set(job, buffers);
  const give = (piece: FilledPiece, last: boolean) => postPiece(job, piece, last);
  const giveBack = ({ number }: PieceBuffer) => post({ kind: "spare", buffer: number });
  readLarge(file, { take: () => buffers.take(), give, giveBack }, options).then(() => large.delete(job), fail);
}

/** Has large files closed, which happens in microtasks. Small ones are closed by `readBatch`. */
function end(): void {
  hasEnded = true;
  for (const buffers of large.values()) buffers.end();
  // After those microtasks, one of which may open a file.
  setImmediate(closeLinks);
}

/** Ends this thread by an error, which the main thread hears of, once its files are closed. */
function fail(error: unknown): void {
  if (error instanceof ReadingEnded) return;
  end();
  setImmediate(() => {
    throw error;
  });
}

port.on("message", (message: ToReader) => {
  if (hasEnded) return;
  try {
    hear(message);
  } catch (error) {
    fail(error);
  }
  if (Atomics.load(options.ending, 0) === 0) return;
  end();
  port.close();
});
