/**
 * Reads files for the main thread, in a thread of its own: opens and locks each by the handle that the main thread holds, cuts its content
 * into chunks and hashes them. What is not read from beginning to end as it was is left to the main thread, which knows what to do.
 */
import { closeRead, hasContentAt } from "../../../system/files/files.ts";
import { fstat } from "../../../system/filesystem/stat.ts";
import { SystemError } from "../../../system/libc.ts";
import { readXattrs } from "../../../system/metadata/xattr.ts";
import { chunkLength, chunkSize } from "../layouts/chunker.ts";
import { LeftOut } from "../reading/left-out.ts";
import { openLocked, sameFile } from "../reading/open-file.ts";
import { RegionReader } from "../reading/region-reader.ts";
import { type Region, regionsOf } from "../reading/regions.ts";
import {
  type FileToRead,
  type FilledPiece,
  openAtOnce,
  type PieceBuffer,
  type RareFindings,
  type ReaderOptions,
  ReadingEnded,
} from "./messages.ts";

/** A buffer that is being filled. Bytes from `filled` to `read` belong to no chunk yet. */
class FillingPiece {
  readonly #buffer: PieceBuffer;
  readonly #data: Buffer<SharedArrayBuffer>;
  readonly #rare: RareFindings = { unread: [], regions: [], attributes: [] };
  #chunks = 0;
  #filled = 0;
  #read = 0;

  constructor(buffer: PieceBuffer) {
    this.#buffer = buffer;
    this.#data = buffer.data;
  }

  get rare(): RareFindings {
    return this.#rare;
  }

  /** Takes over the bytes that belong to no chunk yet. */
  follow({ data, filled, read }: { readonly data: Buffer; readonly filled: number; readonly read: number }): void {
    this.#read = data.copy(this.#data, 0, filled, read);
  }

  get rest() {
    return { data: this.#data, filled: this.#filled, read: this.#read };
  }

  /** Reads chunks until the content ends or the buffer is full. Returns whether the content has ended. */
  readChunks(reader: RegionReader, file: number, gear: Int32Array | undefined): boolean {
    while (this.#hasRoom()) {
      this.#read = reader.fill(this.#data, this.#filled, this.#read, this.#filled + chunkSize.largest);
      if (this.#read === this.#filled) return true;
      const length = chunkLength(this.#data, this.#filled, this.#read, gear);
      this.#buffer.table.set(this.#chunks, file, this.#data.subarray(this.#filled, this.#filled + length));
      this.#chunks += 1;
      this.#filled += length;
    }
    return false;
  }

  #hasRoom(): boolean {
    return this.#filled + chunkSize.largest <= this.#data.length && !this.#buffer.table.isFull(this.#chunks);
  }

  /** Drops what was read of the latest file, from so many chunks and bytes on. */
  drop({ chunks, filled }: { readonly chunks: number; readonly filled: number }): void {
    this.#chunks = chunks;
    this.#filled = filled;
    this.#read = filled;
  }

  get mark() {
    return { chunks: this.#chunks, filled: this.#filled };
  }

  /** What goes to the main thread. */
  get done(): FilledPiece {
    const { unread, regions, attributes } = this.#rare;
    const isPlain = unread.length + regions.length + attributes.length === 0;
    return { buffer: this.#buffer, chunks: this.#chunks, rare: isPlain ? undefined : this.#rare };
  }
}

/** Reads small files, all into one buffer. Throws `ReadingEnded` between two of them if the thread is to end. */
export function readBatch(
  files: readonly FileToRead[],
  buffer: PieceBuffer,
  { gear, ending }: ReaderOptions,
): FilledPiece {
  const piece = new FillingPiece(buffer);
  const descriptors: (number | undefined)[] = [];
  try {
    for (const [index, file] of files.entries()) {
      if (Atomics.load(ending, 0) !== 0) throw new ReadingEnded();
      // The kernel reads the later ones while the first are hashed.
      for (const next of files.slice(descriptors.length, index + openAtOnce)) descriptors.push(opened(next));
      const fd = descriptors[index];
      if (fd === undefined || !readWhole(piece, index, { ...file, fd }, gear)) piece.rare.unread.push(index);
      if (fd !== undefined) closeRead(fd);
      descriptors[index] = undefined;
    }
  } finally {
    for (const fd of descriptors) if (fd !== undefined) closeRead(fd);
  }
  return piece.done;
}

type OpenedFile = FileToRead & { readonly fd: number };

/** Opens and locks a file; undefined if that cannot be done at once. */
function opened({ handle, size }: FileToRead): number | undefined {
  return unlessRefused(() => openLocked(handle, size));
}

/** Returns undefined for what the main thread finds, and reports, again. */
function unlessRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof SystemError || error instanceof LeftOut) return undefined;
    throw error;
  }
}

/** Returns whether all of a file is in the piece. */
function readWhole(piece: FillingPiece, index: number, file: OpenedFile, gear: Int32Array | undefined): boolean {
  const { mark } = piece;
  const isRead = unlessRefused(() => {
    const regions = regionsOf({ fd: file.fd, stat: file });
    const { few } = regions;
    if (few === undefined) return false;
    const reader = new RegionReader(file.fd, regions, () => {});
    if (!piece.readChunks(reader, index, gear) || !endsWell(piece, index, file, reader)) return false;
    if (!isWhole(few, file.size)) {
      for (const region of few) piece.rare.regions.push([index, region]);
      if (few.length === 0) piece.rare.regions.push([index, undefined]);
    }
    return true;
  });
  if (isRead !== true) piece.drop(mark);
  return isRead === true;
}

function isWhole(regions: readonly Region[], size: number): boolean {
  const [first] = regions;
  return size === 0 || (regions.length === 1 && first?.[0] === 0 && first[1] === size);
}

/** Looks at a file once more. Returns whether it is still as it was before it was read, and has ended where its size says. */
function endsWell(piece: FillingPiece, index: number, file: OpenedFile, reader: RegionReader): boolean {
  const { fd, size } = file;
  const attributes = readXattrs(fd);
  const isSteady = reader.end(size) === size && !hasContentAt(fd, size) && sameFile(file, fstat(fd));
  const { acl, xattrs, unread } = attributes;
  const hasSome = acl !== undefined || xattrs.size > 0 || unread !== undefined;
  if (isSteady && hasSome) piece.rare.attributes.push([index, attributes]);
  return isSteady;
}

/** Buffers come and go: `take` resolves when the main thread has given one, and rejects with `ReadingEnded` if the thread is to end. */
export type PieceExchange = {
  readonly take: () => Promise<PieceBuffer>;
  readonly give: (piece: FilledPiece, last: boolean) => void;
  readonly giveBack: (unused: PieceBuffer) => void;
};

/** Reads one large file in pieces. It has given back both buffers when its last piece comes. */
export async function readLarge(
  file: FileToRead,
  { take, give, giveBack }: PieceExchange,
  { gear }: ReaderOptions,
): Promise<void> {
  let piece = new FillingPiece(await take());
  const fd = opened(file);
  try {
    const source = fd === undefined ? undefined : sourceOf(fd, file, (region) => piece.rare.regions.push([0, region]));
    for (let ended: boolean | undefined = false; !ended; ) {
      const current = piece;
      ended = source && unlessRefused(() => current.readChunks(source.reader, 0, gear));
      if (ended === undefined) break;
      if (ended) continue;
      // Before the full one is given away, with what it has of the next chunk.
      piece = new FillingPiece(await take());
      piece.follow(current.rest);
      give(current.done, false);
    }
    const whole = source && unlessRefused(() => endsWell(piece, 0, source.file, source.reader));
    if (whole !== true) piece.rare.unread.push(0);
    // Before the last piece: with that, the main thread counts both buffers as free.
    giveBack(await take());
    give(piece.done, true);
  } finally {
    if (fd !== undefined) closeRead(fd);
  }
}

function sourceOf(fd: number, file: FileToRead, onRegion: (region: Region) => void) {
  return unlessRefused(() => {
    const regions = regionsOf({ fd, stat: file });
    // Very many regions: what is said of each takes more memory than its content.
    if (regions.few === undefined) return undefined;
    return { file: { ...file, fd }, reader: new RegionReader(fd, regions, onRegion) };
  });
}
