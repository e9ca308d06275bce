/**
 * The layout `objects`: the content of each file is one object named by its SHA-256, or what a secret makes of it if the backup is
 * sealed, compressed if that saves space. Holes are
 * no content: a file of 8 EiB with one byte is an object of one byte.
 *
 * The name must be known before the bytes are sent. So a small file is held in memory, and a large one is read twice. If
 * the second reading gives another hash, nothing is stored under that name.
 */
import { type Compression, type CompressionName, pays, sampleSize } from "../../../format/codecs/codec.ts";
import type { Keyed } from "../../../format/codecs/keyed.ts";
import { keys } from "../../../format/keys/keys.ts";
import { sha256 } from "../../../format/sha256.ts";
import {
  type NewBytes,
  type WrittenHashed,
  type WrittenObject,
  writeBytes,
  writeHashed,
  writeStream,
} from "../../../stored/write.ts";
import { readAt } from "../../../system/files/files.ts";
import { Garbage } from "../../../system/threads/garbage.ts";
import { work } from "../../../trace.ts";
import type { OpenFile } from "../reading/open-file.ts";
import type { Region, Regions } from "../reading/regions.ts";
import { ContentCollector } from "./content.ts";
import type { ContentLayout, LayoutDeps, ReadContent } from "./layout.ts";
import type { NewChunk, PendingExtent } from "./ledger.ts";
import { Pool } from "./pool.ts";

const smallSize = 1024 * 1024;
const blockSize = 1024 * 1024;
const putsAtOnce = 8;

type ReadExtents = { readonly extents: readonly PendingExtent[]; readonly end: number };

/** Error for a large file whose content differs at the second reading. */
export class ContentChanged extends Error {}

export class ObjectLayout implements ContentLayout {
  readonly #deps: LayoutDeps;
  readonly #compression: Compression;
  readonly #keyed: Keyed | undefined;
  readonly #buffers = new Pool(putsAtOnce, () => Buffer.allocUnsafeSlow(smallSize));
  readonly #garbage = new Garbage();
  readonly #puts = new Set<Promise<void>>();

  /** `keyed`: set for sealed backups. */
  constructor(deps: LayoutDeps, compression: Compression, keyed?: Keyed) {
    this.#deps = deps;
    this.#compression = compression;
    this.#keyed = keyed;
  }

  async add(file: OpenFile, regions: Regions): Promise<ReadContent> {
    const content = new ContentCollector(file.path, this.#deps.ledger);
    const end = await this.#addData(file, regions, content);
    return { ...content.end(Math.min(end, file.stat.size)), end };
  }

  /** Returns the offset in the file at which reading ended. */
  async #addData(file: OpenFile, { few, each }: Regions, content: ContentCollector): Promise<number> {
    if (few === undefined) return await this.#addScattered(file, each, content);
    if (few.length === 0) return file.stat.size;
    const isSmall = dataLength(few) <= smallSize;
    const { extents, end } = isSmall ? await this.#addSmall(file, few) : await this.#addLarge(file, few);
    for (const region of few) content.region(region);
    for (const extent of extents) content.add(extent);
    return end;
  }

  async finish(): Promise<void> {
    await Promise.all(this.#puts);
    this.#buffers.throwIfFailed();
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.#puts);
  }

  async #addSmall(file: OpenFile, regions: readonly Region[]): Promise<ReadExtents> {
    const { ledger, meter } = this.#deps;
    const buffer = await this.#buffers.take();
    let read: { readonly length: number; readonly end: number };
    try {
      read = readRegions(file, regions, buffer);
    } catch (error) {
      this.#buffers.give(buffer);
      throw error;
    }
    const { length, end } = read;
    const content = buffer.subarray(0, length);
    meter.bytesRead += length;
    const digest = sha256(content);
    const id = this.#idOf(digest);
    const known = ledger.find(id, length);
    const digestOf = (offset: number, bytes: number) => sha256(content.subarray(offset, offset + bytes));
    // A file that shrank may have no data left.
    if (known !== undefined || length === 0) {
      const extents = known === undefined ? [] : extentsIn(known, regions, length, digestOf);
      this.#buffers.give(buffer);
      return { extents, end };
    }
    const chunk = ledger.announce(id, length, digest);
    const extents = extentsIn(chunk, regions, length, digestOf);
    this.#putInBackground(chunk, content, buffer);
    return { extents, end };
  }

  #putInBackground(chunk: NewChunk, content: Buffer<ArrayBuffer>, buffer: Buffer<ArrayBuffer>): void {
    const put = this.#putSmall(chunk, content)
      .then(
        () => this.#buffers.give(buffer),
        (error: unknown) => this.#buffers.fail(error),
      )
      .finally(() => this.#puts.delete(put));
    this.#puts.add(put);
  }

  async #putSmall(chunk: NewChunk, content: Buffer<ArrayBuffer>): Promise<void> {
    await this.#deps.lookUp?.([chunk]);
    if (chunk.place !== undefined) return;
    const codec = this.#codecFor(content.subarray(0, sampleSize));
    const { level } = this.#compression;
    const key = keys.content(chunk.id);
    const object = { content, codec, level, key, metadata: metadataOf(codec) };
    const stored = await work("compress and put", () => this.#write(object));
    if (stored.encoding !== "none") this.#garbage.left(stored.size);
    this.#record(chunk, stored);
  }

  /** Writes a small object. The key of a sealed one says nothing that could be checked without opening it: then its digest is kept. */
  #write(object: NewBytes): Promise<WrittenObject | WrittenHashed> {
    const { target } = this.#deps;
    return this.#keyed === undefined
      ? writeBytes(target, object)
      : writeHashed(target, { ...object, keyOf: () => object.key });
  }

  /** Returns the chunk id of a file's content. */
  #idOf(sha256: string): string {
    return this.#keyed?.chunkId(sha256) ?? sha256;
  }

  #codecFor(sample: Uint8Array): CompressionName {
    return pays(sample, this.#compression) ? this.#compression.codec : "none";
  }

  #record(chunk: NewChunk, { key, version, size, encoding, ...more }: WrittenObject | WrittenHashed): void {
    const { ledger, meter } = this.#deps;
    const place = { frameOffset: 0, frameLength: size, offset: 0 };
    const sha256 = this.#keyed !== undefined && "sha256" in more ? more.sha256 : undefined;
    ledger.stored({ key, version, size, encoding }, [{ chunk, ...place }], sha256);
    meter.bytesStored += size;
    meter.objectsStored += 1;
  }

  async #addLarge(file: OpenFile, regions: readonly Region[]): Promise<ReadExtents> {
    const whole = new Bun.CryptoHasher("sha256");
    const byOffset = new Map<number, string>();
    const digests = new RegionDigests((offset, _, sha256) => byOffset.set(offset, sha256));
    const each = watched(regions, (region) => digests.begin(region));
    for await (const block of this.#blocksOf(file, each)) {
      whole.update(block);
      digests.update(block);
    }
    const digest = whole.digest("hex");
    const length = dataLength(regions);
    this.#deps.meter.bytesRead += length;
    const known = this.#deps.ledger.find(this.#idOf(digest), length);
    const chunk = known ?? (await this.#putLarge(file, () => regions, digest));
    return { extents: extentsIn(chunk, regions, length, (offset) => byOffset.get(offset) ?? ""), end: file.stat.size };
  }

  /** Adds a file with very many regions: once its object is stored, it is read again for their digests, so that none of them waits. */
  async #addScattered(file: OpenFile, each: Regions["each"], content: ContentCollector): Promise<number> {
    const whole = new Bun.CryptoHasher("sha256");
    for await (const block of this.#blocksOf(file, each())) whole.update(block);
    const digest = whole.digest("hex");
    const length = dataLength(each());
    this.#deps.meter.bytesRead += length;
    const known = this.#deps.ledger.find(this.#idOf(digest), length);
    const chunk = known ?? (await this.#putLarge(file, each, digest));
    const digests = new RegionDigests((offset, length, sha256) => content.add({ chunk, offset, length, sha256 }));
    const regions = watched(each(), (region) => {
      content.region(region);
      digests.begin(region);
    });
    for await (const block of checked(this.#blocksOf(file, regions), digest)) digests.update(block);
    return file.stat.size;
  }

  /** `each`: gives the regions as often as it is asked, since very many are found again each time. */
  async #putLarge(file: OpenFile, each: Regions["each"], digest: string): Promise<NewChunk> {
    const length = dataLength(each());
    const chunk: NewChunk = { id: this.#idOf(digest), sha256: digest, length, place: undefined, waiting: [] };
    await this.#deps.lookUp?.([chunk]);
    if (chunk.place !== undefined) return chunk;
    const sample = Buffer.alloc(Math.min(sampleSize, length));
    const [first] = each();
    if (first !== undefined) readAt(file.fd, sample, 0, Math.min(sample.length, first[1]), first[0]);
    const codec = this.#codecFor(sample);
    const content = checked(this.#blocksOf(file, each()), digest);
    const { level } = this.#compression;
    const key = keys.content(chunk.id);
    const stored = await writeStream(this.#deps.target, { content, codec, level, key, metadata: metadataOf(codec) });
    this.#record(chunk, stored);
    return chunk;
  }

  /** Yields the data in blocks, none of which lies in two regions. The receiver may keep the blocks. Throws if the file ends early. */
  async *#blocksOf(file: OpenFile, regions: Iterable<Region>): AsyncGenerator<Buffer<ArrayBuffer>> {
    for (const [offset, length] of regions) {
      const end = offset + length;
      for (let position = offset; position < end; ) {
        await this.#deps.breathe();
        const block = Buffer.allocUnsafeSlow(Math.min(blockSize, end - position));
        const got = readAt(file.fd, block, 0, block.length, position);
        if (got === 0) throw new ContentChanged();
        yield block.subarray(0, got);
        position += got;
      }
    }
  }
}

/** Digests regions one after another, from blocks none of which lies in two. */
class RegionDigests {
  readonly #onRegion: (offset: number, length: number, sha256: string) => void;
  #digest = new Bun.CryptoHasher("sha256");
  /** In the data, without holes. */
  #offset = 0;
  #length = 0;
  #left = 0;

  /** `onRegion` is called with each digest, and the place of the region in the data. */
  constructor(onRegion: (offset: number, length: number, sha256: string) => void) {
    this.#onRegion = onRegion;
  }

  /** Begins a region, before the first block of it. */
  begin([, length]: Region): void {
    this.#length = length;
    this.#left = length;
  }

  update(block: Uint8Array): void {
    this.#digest.update(block);
    this.#left -= block.length;
    if (this.#left > 0) return;
    this.#onRegion(this.#offset, this.#length, this.#digest.digest("hex"));
    this.#offset += this.#length;
    this.#digest = new Bun.CryptoHasher("sha256");
  }
}

function* watched(regions: Iterable<Region>, onRegion: (region: Region) => void): Generator<Region> {
  for (const region of regions) {
    onRegion(region);
    yield region;
  }
}

/** Passes content on. Throws at its end if its SHA-256 is another one. */
async function* checked(
  content: AsyncIterable<Buffer<ArrayBuffer>>,
  sha256: string,
): AsyncGenerator<Buffer<ArrayBuffer>> {
  const digest = new Bun.CryptoHasher("sha256");
  for await (const block of content) {
    digest.update(block);
    yield block;
  }
  if (digest.digest("hex") !== sha256) throw new ContentChanged();
}

function dataLength(regions: Iterable<Region>): number {
  let sum = 0;
  for (const [, length] of regions) sum += length;
  return sum;
}

/** Reads the data of all regions, one behind the other. `end`: the offset in the file at which reading ended. */
function readRegions({ fd, stat }: OpenFile, regions: readonly Region[], buffer: Buffer) {
  let filled = 0;
  for (const [offset, length] of regions) {
    for (let done = 0; done < length; ) {
      const got = readAt(fd, buffer, filled, length - done, offset + done);
      if (got === 0) return { length: filled, end: offset + done };
      done += got;
      filled += got;
    }
  }
  return { length: filled, end: stat.size };
}

/** Returns one extent of the object for each region. Leaves out what lies beyond `length` bytes of data: the file shrank. */
function extentsIn(
  chunk: PendingExtent["chunk"],
  regions: readonly Region[],
  length: number,
  digestOf: (offset: number, length: number) => string,
): PendingExtent[] {
  const extents: PendingExtent[] = [];
  let offset = 0;
  for (const region of regions) {
    const kept = Math.min(region[1], length - offset);
    if (kept <= 0) break;
    extents.push({ chunk, offset, length: kept, sha256: digestOf(offset, kept) });
    offset += kept;
  }
  return extents;
}

/** Metadata that names the codec, since the key of content does not. */
function metadataOf(codec: CompressionName): Record<string, string> {
  return codec === "none" ? {} : { "storage-encoding": codec };
}
