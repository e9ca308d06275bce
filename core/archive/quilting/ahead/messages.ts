/**
 * What the main thread and its readers tell each other. Content and figures travel in buffers that all threads can reach, so that nothing
 * is copied on the way. Each belongs to one thread at a time: to the one that got the last message about it. Messages name it by its
 * number: with the memory itself in each, collectors of garbage would count all of it each time, and run after every few messages.
 *
 * A buffer begins with a table: on the way to a reader, of the files that it is to read; on the way back, of the chunks that it holds.
 * Their bytes follow.
 */
import type { Stat } from "../../../system/filesystem/stat.ts";
import type { Xattrs } from "../../../system/metadata/xattr.ts";
import { chunkSize } from "../layouts/chunker.ts";
import type { Region } from "../reading/regions.ts";

/** What is read by one job: so many files of so many bytes together, or one file that is larger. */
export const mostOfBatch = { files: 64, bytes: 1024 * 1024 } as const;

/** Descriptors that a reader has at once: there may be few. */
export const openAtOnce = 16;

/** Chunks of a buffer at most. Those of a file with many small regions are small. */
const mostChunks = 1_024;
const tableBytes = mostChunks * 40;
const dataBytes = mostOfBatch.bytes + chunkSize.largest;
const bufferBytes = tableBytes + dataBytes;

/** Memory that several threads share, as one of them sees it. */
export class PieceBuffer {
  readonly number: number;
  readonly memory: SharedArrayBuffer;
  readonly table: ChunkTableView;
  /** The bytes behind the table. */
  readonly data: Buffer<SharedArrayBuffer>;

  constructor(number: number, memory = new SharedArrayBuffer(bufferBytes)) {
    this.number = number;
    this.memory = memory;
    this.table = new ChunkTableView(memory);
    this.data = Buffer.from(memory, tableBytes);
  }
}

/** A file that the main thread holds by a descriptor. */
export type HeldFile = { readonly stat: Stat; readonly fd: number };

/** A file as a reader sees it. `handle` is the main thread's own, and stays so: a reader opens the file by it once more. */
export type FileToRead = Pick<Stat, "size" | "blocks" | "inode" | "modified" | "changed"> & { readonly handle: number };

/** What few files have. Numbers of files are those in the job. */
export type RareFindings = {
  /** Files that were not read from beginning to end as they were: locked, changing, not readable. */
  readonly unread: number[];
  /** Regions of files that are not a single one, in order; in a job of one file, each that begins in this piece. */
  readonly regions: [file: number, region: Region | undefined][];
  readonly attributes: [file: number, attributes: Xattrs][];
};

export type ReaderOptions = {
  /** The table that belongs to the secret that backups are sealed with; undefined for plain ones. */
  readonly gear: Int32Array | undefined;
  /** A word that all threads can reach, and that is not 0 when they are to end. */
  readonly ending: Int32Array<SharedArrayBuffer>;
};

/** Thrown in a reader that is to end. */
export class ReadingEnded extends Error {}

export type ToReader =
  | { readonly kind: "options"; readonly options: ReaderOptions }
  /** Comes before any other message about the buffer. */
  | { readonly kind: "buffer"; readonly number: number; readonly memory: SharedArrayBuffer }
  /** Reads the files whose table is in `buffer` into it: all into this one, unless `isLarge` says that it is one file that needs more. */
  | {
      readonly kind: "read";
      readonly job: number;
      readonly files: number;
      readonly isLarge: boolean;
      readonly buffer: number;
    }
  /** Gives one more buffer for a large file. It takes two to begin with, as what is left over of one piece goes into the next. */
  | { readonly kind: "more"; readonly job: number; readonly buffer: number }
  /** Wakes a reader that is to end. */
  | { readonly kind: "end" };

/** What a buffer holds when it comes from a reader. */
export type FilledPiece = {
  readonly buffer: PieceBuffer;
  readonly chunks: number;
  readonly rare: RareFindings | undefined;
};

export type FromReader =
  /** `last`: the job is done with this piece. */
  | ({ readonly kind: "piece"; readonly job: number; readonly last: boolean; readonly buffer: number } & Omit<
      FilledPiece,
      "buffer"
    >)
  /** Gives the other buffer of a large file back, before its last piece. */
  | { readonly kind: "spare"; readonly buffer: number };

const wordsOfFile = 8;

/** Writes the table of files to read. */
export function writeFiles({ memory }: PieceBuffer, files: readonly HeldFile[]): void {
  const numbers = new Float64Array(memory, 0, mostOfBatch.files * wordsOfFile);
  const inodes = new BigUint64Array(memory, 0, mostOfBatch.files * wordsOfFile);
  let at = 0;
  for (const { fd, stat } of files) {
    const { size, blocks, inode, modified, changed } = stat;
    numbers[at] = fd;
    numbers[at + 1] = size;
    numbers[at + 2] = blocks;
    inodes[at + 3] = inode;
    numbers[at + 4] = modified.seconds;
    numbers[at + 5] = modified.nanoseconds;
    numbers[at + 6] = changed.seconds;
    numbers[at + 7] = changed.nanoseconds;
    at += wordsOfFile;
  }
}

export function readFiles({ memory }: PieceBuffer, count: number): FileToRead[] {
  const numbers = new Float64Array(memory, 0, mostOfBatch.files * wordsOfFile);
  const inodes = new BigUint64Array(memory, 0, mostOfBatch.files * wordsOfFile);
  return Array.from({ length: count }, (_, index) => {
    const at = index * wordsOfFile;
    const number = (word: number) => numbers[at + word] ?? 0;
    return {
      handle: number(0),
      size: number(1),
      blocks: number(2),
      inode: inodes[at + 3] ?? 0n,
      modified: { seconds: number(4), nanoseconds: number(5) },
      changed: { seconds: number(6), nanoseconds: number(7) },
    };
  });
}

const wordsOfChunk = 2;
const digestBytes = 32;
const digestsAt = mostChunks * wordsOfChunk * 4;

/** The table of chunks in a buffer: of which file each is, its length, and its SHA-256. They lie one behind the other. */
export class ChunkTableView {
  readonly #words: Uint32Array;
  readonly #digests: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory, 0, mostChunks * wordsOfChunk);
    this.#digests = Buffer.from(memory, digestsAt, mostChunks * digestBytes);
  }

  isFull(count: number): boolean {
    return count === mostChunks;
  }

  set(index: number, file: number, bytes: Uint8Array): void {
    this.#words[index * wordsOfChunk] = file;
    this.#words[index * wordsOfChunk + 1] = bytes.length;
    Bun.SHA256.hash(bytes, this.#digests.subarray(index * digestBytes, (index + 1) * digestBytes));
  }

  fileOf(index: number): number {
    return this.#words[index * wordsOfChunk] ?? 0;
  }

  lengthOf(index: number): number {
    return this.#words[index * wordsOfChunk + 1] ?? 0;
  }

  /** In hex. */
  sha256Of(index: number): string {
    return this.#digests.toString("hex", index * digestBytes, (index + 1) * digestBytes);
  }
}
