/**
 * The layout `packs`: chunks of many files share zstd frames, and frames share packs of about 16 MiB.
 *
 * A file's bytes are read straight into the frame being filled and hashed there; those of a new chunk stay, without a
 * copy. A full frame is compressed on another core while the next one fills. Frames go into packs in the order in which
 * they were filled. Buffers come from pools, so their number bounds memory: a frame has its buffer until it is in a pack, compressed or
 * not.
 */
import { encodeFrame, rawFrame } from "../../../format/codecs/frame.ts";
import type { Keyed } from "../../../format/codecs/keyed.ts";
import { mostOfSegment } from "../../../format/entries/segment.ts";
import type { ByteString } from "../../../format/path.ts";
import { sha256 } from "../../../format/sha256.ts";
import { Garbage, hurryCollector, release } from "../../../system/threads/garbage.ts";
import { work } from "../../../trace.ts";
import type { OpenFile } from "../reading/open-file.ts";
import { type DataReader, RegionReader } from "../reading/region-reader.ts";
import type { Regions } from "../reading/regions.ts";
import { type ChunkSizes, chunkLength, chunkSize } from "./chunker.ts";
import { ContentCollector, type FileContent } from "./content.ts";
import type { ContentLayout, LayoutDeps, ReadChunk, ReadContent, ReadPiece } from "./layout.ts";
import type { PendingExtent } from "./ledger.ts";
import { type FramedChunk, mostChunks, PackFiller } from "./pack-filler.ts";
import { Pool } from "./pool.ts";
import { StreamReader } from "./stream-reader.ts";

/** Size at which a frame is closed, if packs are not smaller: enough to compress well, and little to read for one small file. */
const largestFrame = 1.5 * 1024 * 1024;
const frameCapacity = largestFrame + chunkSize.largest;
/** At least: one is filled while two are compressed, and one may wait for its turn in the pack. */
const fewestFrames = 4;
/** Bytes that take some ten milliseconds to read and hash. */
const bytesBetweenBreaths = 8 * 1024 * 1024;
/** Bound on what waits in memory for chunks of packs that are not full, besides the first file with each. */
const mostRepeats = 8_192;

export type PackOptions = {
  /** Approximate size of a pack in the bucket, in bytes. */
  readonly packSize: number;
  /** Level of zstd; undefined: content is stored as it is, in frames of raw blocks. */
  readonly level: number | undefined;
  /** Undefined: chunks are cut as everybody cuts them, and named by their SHA-256. */
  readonly keyed?: Keyed | undefined;
  /** How content is cut, if not as files are: into chunks no longer than those. */
  readonly sizes?: ChunkSizes;
  /** Number of frames that are compressed side by side, if there are more than two cores. */
  readonly cores?: number;
};

type FrameBuffer = Buffer<ArrayBuffer>;

/** The frame being filled. Bytes from `filled` to `read` belong to no chunk yet. */
type FillingFrame = {
  readonly buffer: FrameBuffer;
  filled: number;
  read: number;
  chunks: FramedChunk[];
};

/**
 * Bytes that a chunk leaves, roughly, from its reading to its row: without a count of them, memory grows to several times of what is in
 * use.
 */
const garbageOfExtent = 6.5 * 1024;

/** After so many extents, so much is counted as garbage. Otherwise as much would gather, before it is collected, as all buffers have. */
const extentsBetweenHurries = 64;
const mebibytesOfHurry = 10;

/** Bytes of a stream after which garbage is collected: its pieces come from a child, and are not released by hand. */
const garbageOfStream = 32 * 1024 * 1024;

export class PackLayout implements ContentLayout {
  readonly #deps: LayoutDeps;
  readonly #options: PackOptions;
  readonly #sizes: ChunkSizes;
  readonly #frameSize: number;
  readonly #frameBuffers: Pool<FrameBuffer>;
  readonly #packs: PackFiller;
  readonly #garbage = new Garbage();
  #extents = 0;
  #filling: FillingFrame | undefined;
  /** Resolves when the last frame was appended: frames are appended to packs one after the other. */
  #appended: Promise<void> = Promise.resolve();

  constructor(deps: LayoutDeps, options: PackOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#sizes = options.sizes ?? chunkSize;
    this.#frameSize = Math.min(largestFrame, options.packSize);
    const frames = Math.max(fewestFrames, (options.cores ?? 0) + 2);
    this.#frameBuffers = new Pool(frames, () => Buffer.allocUnsafeSlow(frameCapacity));
    const onError = (error: unknown) => this.#fail(error);
    this.#packs = new PackFiller(deps, { packSize: options.packSize, frameCapacity, onError });
  }

  async add({ path, fd, stat }: OpenFile, regions: Regions): Promise<ReadContent> {
    await this.#boundRepeats();
    const content = new ContentCollector(path, this.#deps.ledger);
    const reader = new RegionReader(fd, regions, content.region);
    await work("read", () => this.#addData(reader, content));
    const end = reader.end(stat.size);
    return { ...content.end(Math.min(end, stat.size)), end };
  }

  /** Reads a stream to its end, as `add` does a file. It goes on in segments sooner, since its chunks may be small. */
  async addStream(path: ByteString, stream: AsyncIterable<Uint8Array>): Promise<ReadContent> {
    const content = new ContentCollector(path, this.#deps.ledger, mostOfSegment);
    const reader = new StreamReader(stream, content.region, new Garbage(garbageOfStream));
    await work("read", () => this.#addData(reader, content));
    return { ...content.end(reader.length), end: reader.length };
  }

  /** Takes the content of a file that was read elsewhere: whole chunks, which are copied. */
  async addRead(
    path: ByteString,
    size: number,
    pieces: Iterable<ReadPiece> | AsyncIterable<ReadPiece>,
  ): Promise<FileContent> {
    const content = new ContentCollector(path, this.#deps.ledger);
    for await (const { regions, chunks } of pieces) {
      await this.#boundRepeats();
      for (const region of regions) content.region(region);
      for (const chunk of chunks) {
        const frame = this.#filling ?? (await this.#newFrame());
        content.add(this.#copy(frame, chunk));
        if (this.#isFrameFull(frame)) this.#closeFrame(frame);
      }
    }
    return content.end(size);
  }

  /**
   * Takes the content of a file that is one chunk, the bytes of `source` from `start` to `end`, or none if it is empty: if it leaves room in
   * the frame being filled, as `addSmall` does.
   */
  addWhole(source: Buffer, start: number, end: number, sha256: string | undefined): FileContent | undefined {
    if (sha256 === undefined) return emptyContent;
    const frame = this.#filling;
    if (frame === undefined || this.#deps.ledger.repeats > mostRepeats) return undefined;
    const at = frame.filled;
    if (at + end - start >= this.#frameSize || frame.chunks.length + 1 >= mostChunks) return undefined;
    const extent = this.#place(frame, end - start, sha256);
    if (frame.filled > at) source.copy(frame.buffer, at, start, end);
    frame.read = frame.filled;
    return { extents: [extent], holes: emptyContent.holes };
  }

  /** Takes content as `addRead` does if it leaves room in the frame being filled, so that nothing is waited for; else returns undefined. */
  addSmall(path: ByteString, size: number, { regions, chunks }: ReadPiece): FileContent | undefined {
    const frame = this.#filling;
    if (frame === undefined || this.#deps.ledger.repeats > mostRepeats) return undefined;
    const filled = chunks.reduce((sum, { bytes }) => sum + bytes.length, frame.filled);
    if (this.#isFrameFull({ filled, chunks: { length: frame.chunks.length + chunks.length } })) return undefined;
    const content = new ContentCollector(path, this.#deps.ledger);
    for (const region of regions) content.region(region);
    for (const chunk of chunks) content.add(this.#copy(frame, chunk));
    return content.end(size);
  }

  #copy(frame: FillingFrame, { bytes, sha256 }: ReadChunk): PendingExtent {
    const start = frame.filled;
    const extent = this.#place(frame, bytes.length, sha256);
    if (frame.filled > start) frame.buffer.set(bytes, start);
    frame.read = frame.filled;
    return extent;
  }

  async finish(): Promise<void> {
    if (this.#filling !== undefined) this.#closeFrame(this.#filling);
    await this.#putAll();
  }

  /** Stores what is there, in packs that are not full, if too much waits for it. */
  async #boundRepeats(): Promise<void> {
    if (this.#deps.ledger.repeats <= mostRepeats) return;
    if (this.#filling !== undefined) await this.#nextFrame(this.#filling);
    await this.#putAll();
  }

  async #putAll(): Promise<void> {
    await this.#appended;
    await this.#packs.putAll();
    this.#frameBuffers.throwIfFailed();
  }

  async abandon(): Promise<void> {
    await this.#appended;
    await this.#packs.abandon();
    // What follows makes parts and index objects in memory.
    for (const buffer of this.#frameBuffers.drain()) release(buffer);
  }

  /** Chunks of a file with very many islands go on behind holes, so that it has as few as any other of its length. */
  async #addData(reader: DataReader, content: ContentCollector): Promise<void> {
    try {
      await this.#addChunks(reader, content);
    } finally {
      // After a read error, bytes of the unfinished chunk are dropped: they are no part of what comes next.
      if (this.#filling !== undefined) this.#filling.read = this.#filling.filled;
    }
  }

  async #addChunks(reader: DataReader, content: ContentCollector): Promise<void> {
    let sinceBreath = 0;
    for (;;) {
      const frame = this.#filling ?? (await this.#newFrame());
      const filled = reader.fill(frame.buffer, frame.filled, frame.read, frame.filled + this.#sizes.largest);
      frame.read = typeof filled === "number" ? filled : await filled;
      if (frame.read === frame.filled) return;
      const extent = this.#takeChunk(frame);
      content.add(extent);
      if (this.#isFrameFull(frame)) await this.#nextFrame(frame);
      sinceBreath += extent.length;
      if (sinceBreath > bytesBetweenBreaths) {
        sinceBreath = 0;
        await this.#boundRepeats();
        await this.#deps.breathe();
      }
    }
  }

  /** Cuts the next chunk off the bytes read. Keeps it in the frame if it is new, else drops it. */
  #takeChunk(frame: FillingFrame): PendingExtent {
    const start = frame.filled;
    const length = chunkLength(frame.buffer, start, frame.read, this.#options.keyed?.gear, this.#sizes);
    const extent = this.#place(frame, length, sha256(frame.buffer.subarray(start, start + length)));
    if (frame.filled === start) {
      frame.buffer.copyWithin(start, start + length, frame.read);
      frame.read -= length;
    }
    return extent;
  }

  /** Gives a new chunk its place in the frame, of which it becomes the next bytes. A known one gets none. */
  #place(frame: FillingFrame, length: number, digest: string): PendingExtent {
    const { ledger, meter } = this.#deps;
    const id = this.#options.keyed?.chunkId(digest) ?? digest;
    meter.bytesRead += length;
    this.#leaveGarbage();
    const known = ledger.find(id, length);
    if (known !== undefined) return { chunk: known, offset: 0, length, sha256: digest };
    const chunk = ledger.announce(id, length, digest);
    frame.chunks.push({ chunk, offset: frame.filled });
    frame.filled += length;
    return { chunk, offset: 0, length, sha256: digest };
  }

  #leaveGarbage(): void {
    this.#garbage.left(garbageOfExtent);
    this.#extents += 1;
    if (this.#extents % extentsBetweenHurries === 0) hurryCollector(mebibytesOfHurry);
  }

  async #newFrame(): Promise<FillingFrame> {
    this.#filling = { buffer: await this.#frameBuffers.take(), filled: 0, read: 0, chunks: [] };
    return this.#filling;
  }

  /** Starts a new frame with the bytes of the next chunk that are read already. */
  async #nextFrame(full: FillingFrame): Promise<void> {
    if (full.read === full.filled) return this.#closeFrame(full);
    const next = await this.#newFrame();
    next.read = full.buffer.copy(next.buffer, 0, full.filled, full.read);
    this.#compress(full);
  }

  #closeFrame(frame: FillingFrame): void {
    this.#filling = undefined;
    if (frame.filled > 0) this.#compress(frame);
    else this.#frameBuffers.give(frame.buffer);
  }

  #compress(full: FillingFrame): void {
    const compressed = work("compress", () => this.#encode(full));
    const before = this.#appended;
    this.#appended = (async () => {
      const { frame, chunks } = await compressed;
      await before;
      if (chunks.length > 0) await this.#packs.append(frame, chunks);
      // Not before: no more frames wait for a pack than there are buffers.
      this.#frameBuffers.give(full.buffer);
    })().catch((error: unknown) => this.#fail(error));
  }

  /** Compresses what nobody else has stored. */
  async #encode(full: FillingFrame): Promise<{ readonly frame: Uint8Array; readonly chunks: readonly FramedChunk[] }> {
    const { chunks, filled } = await this.#withoutStored(full);
    const content = full.buffer.subarray(0, filled);
    const { level } = this.#options;
    const isEmpty = chunks.length === 0;
    return { frame: isEmpty || level === undefined ? rawFrame(content) : await encodeFrame(content, level), chunks };
  }

  /** Moves chunks that are new to the beginning of the frame. */
  async #withoutStored(full: FillingFrame): Promise<Pick<FillingFrame, "chunks" | "filled">> {
    const { buffer, chunks, filled } = full;
    const { lookUp } = this.#deps;
    if (lookUp === undefined) return { chunks, filled };
    await lookUp(chunks.map(({ chunk }) => chunk));
    const kept: FramedChunk[] = [];
    let end = 0;
    for (const { chunk, offset } of chunks) {
      if (chunk.place !== undefined) continue;
      buffer.copyWithin(end, offset, offset + chunk.length);
      kept.push({ chunk, offset: end });
      end += chunk.length;
    }
    return { chunks: kept, filled: end };
  }

  #isFrameFull({ filled, chunks }: FrameSize): boolean {
    return filled >= this.#frameSize || chunks.length >= mostChunks;
  }

  #fail(error: unknown): void {
    this.#frameBuffers.fail(error);
    this.#packs.fail(error);
  }
}

const emptyContent: FileContent = { extents: [], holes: [] };

type FrameSize = { readonly filled: number; readonly chunks: { readonly length: number } };
