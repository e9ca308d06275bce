/** A thread that reads files: what runs in a worker. `readers.ts` starts it and gives it its work. */
import { parentPort } from "node:worker_threads";
import { readBatch, readLarge } from "./file-reader.ts";
import {
  type FileToRead,
  type FilledPiece,
  type FromReader,
  type ReaderOptions,
  readFiles,
  type ToReader,
} from "./messages.ts";

/** Buffers of one large file, and who waits for one. */
class Buffers {
  readonly #given: SharedArrayBuffer[] = [];
  #waiting: ((buffer: SharedArrayBuffer) => void) | undefined;

  give(buffer: SharedArrayBuffer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#given.push(buffer);
    else waiting(buffer);
  }

  take(): Promise<SharedArrayBuffer> {
    const buffer = this.#given.shift();
    if (buffer !== undefined) return Promise.resolve(buffer);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  takeAll(): SharedArrayBuffer[] {
    return this.#given.splice(0);
  }
}

const port = parentPort;
if (port === null) throw new Error("this file is run as a worker only");
const large = new Map<number, Buffers>();
let options: ReaderOptions = { gear: undefined };

function post(message: FromReader): void {
  port?.postMessage(message);
}

function postPiece(job: number, piece: FilledPiece, last: boolean): void {
  post({ kind: "piece", job, last, ...piece });
}

function read({ job, files, isLarge, buffer }: Extract<ToReader, { kind: "read" }>): void {
  const [first, ...others] = readFiles(buffer, files);
  if (first === undefined) throw new Error("a reader has nothing to read");
  if (isLarge) startLarge(job, first, buffer);
  else postPiece(job, readBatch([first, ...others], buffer, options), true);
}

function startLarge(job: number, file: FileToRead, buffer: SharedArrayBuffer): void {
  const buffers = new Buffers();
  buffers.give(buffer);
  large.set(job, buffers);
  const give = (piece: FilledPiece, last: boolean) => postPiece(job, piece, last);
  // What it throws ends this thread, which the main thread hears of.
  readLarge(file, { take: () => buffers.take(), give }, options).then(() => {
    large.delete(job);
    for (const spare of buffers.takeAll()) post({ kind: "spare", buffer: spare });
  });
}

port.on("message", (message: ToReader) => {
  if (message.kind === "options") options = message.options;
  else if (message.kind === "read") read(message);
  else {
    const buffers = large.get(message.job);
    // It has ended meanwhile.
    if (buffers === undefined) post({ kind: "spare", buffer: message.buffer });
    else buffers.give(message.buffer);
  }
});
