/**
 * The layout `objects`: the content of each file is one object named by its SHA-256, compressed if that saves space.
 *
 * The name must be known before the bytes are sent. So a small file is held in memory, and a large one is read twice. If
 * the second reading gives another hash, nothing is stored under that name.
 */
import { type Compression, type CompressionName, pays, sampleSize } from "../../../format/codec.ts";
import { keys } from "../../../format/keys.ts";
import { sha256 } from "../../../format/sha256.ts";
import { type WrittenObject, writeBytes, writeStream } from "../../../stored/write.ts";
import { readAt } from "../../../system/files.ts";
import { Garbage } from "../../../system/garbage.ts";
import type { OpenFile, Region } from "../reading/open-file.ts";
import type { ContentLayout, LayoutDeps, ReadContent } from "./layout.ts";
import type { NewChunk, PendingExtent } from "./ledger.ts";
import { Pool } from "./pool.ts";

const smallSize = 1024 * 1024;
const blockSize = 1024 * 1024;
const putsAtOnce = 8;
const zeros = Buffer.alloc(blockSize);

/** Error for a large file whose content differs at the second reading. */
export class ContentChanged extends Error {}

export class ObjectLayout implements ContentLayout {
  /** Each gives an extent, some 100 bytes of the manifest. */
  readonly mostRegions = 32_768;
  readonly #deps: LayoutDeps;
  readonly #compression: Compression;
  readonly #buffers = new Pool(putsAtOnce, () => Buffer.allocUnsafeSlow(smallSize));
  readonly #garbage = new Garbage();
  readonly #puts = new Set<Promise<void>>();

  constructor(deps: LayoutDeps, compression: Compression) {
    this.#deps = deps;
    this.#compression = compression;
  }

  add(file: OpenFile, regions: readonly Region[]): Promise<ReadContent> {
    if (regions.length === 0) return Promise.resolve({ extents: [], end: file.stat.size });
    return file.stat.size <= smallSize ? this.#addSmall(file, regions) : this.#addLarge(file, regions);
  }

  async finish(): Promise<void> {
    await Promise.all(this.#puts);
    this.#buffers.throwIfFailed();
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.#puts);
  }

  async #addSmall(file: OpenFile, regions: readonly Region[]): Promise<ReadContent> {
    const { ledger, meter } = this.#deps;
    const buffer = await this.#buffers.take();
    let end: number;
    try {
      end = readWhole(file, buffer);
    } catch (error) {
      this.#buffers.give(buffer);
      throw error;
    }
    const content = buffer.subarray(0, end);
    meter.bytesRead += end;
    const id = sha256(content);
    const known = ledger.find(id, end);
    const digestOf = (offset: number, length: number) => sha256(content.subarray(offset, offset + length));
    // A file that shrank may have no data left.
    const first = regions[0]?.[0] ?? 0;
    if (known !== undefined || end <= first) {
      const extents = known === undefined ? [] : extentsIn(known, regions, end, digestOf);
      this.#buffers.give(buffer);
      return { extents, end };
    }
    const chunk = ledger.announce(id, end);
    const extents = extentsIn(chunk, regions, end, digestOf);
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
    const codec = this.#codecFor(content.subarray(0, sampleSize));
    const { level } = this.#compression;
    const key = keys.content(chunk.id);
    const stored = await writeBytes(this.#deps.target, { content, codec, level, key, metadata: metadataOf(codec) });
    if (stored.encoding !== "none") this.#garbage.left(stored.size);
    this.#record(chunk, stored);
  }

  #codecFor(sample: Uint8Array): CompressionName {
    return pays(sample, this.#compression) ? this.#compression.codec : "none";
  }

  #record(chunk: NewChunk, { key, version, size, encoding }: WrittenObject): void {
    const { ledger, meter } = this.#deps;
    const place = { frameOffset: 0, frameLength: size, offset: 0 };
    ledger.stored({ key, version, size, encoding }, [{ chunk, place }]);
    meter.bytesStored += size;
    meter.objectsStored += 1;
  }

  async #addLarge(file: OpenFile, regions: readonly Region[]): Promise<ReadContent> {
    const { id, digests } = await digestLarge(this.#blocksOf(file, regions), file, regions);
    const { size } = file.stat;
    this.#deps.meter.bytesRead += size;
    const chunk = this.#deps.ledger.find(id, size) ?? (await this.#putLarge(file, regions, id));
    return { extents: extentsIn(chunk, regions, size, (offset) => digests.get(offset) ?? ""), end: size };
  }

  async #putLarge(file: OpenFile, regions: readonly Region[], id: string): Promise<NewChunk> {
    const sample = Buffer.alloc(Math.min(sampleSize, file.stat.size));
    const [first] = regions;
    if (first !== undefined) readAt(file.fd, sample, 0, Math.min(sample.length, first[1]), first[0]);
    const codec = this.#codecFor(sample);
    const content = checked(this.#blocksOf(file, regions), id);
    const { level } = this.#compression;
    const key = keys.content(id);
    const stored = await writeStream(this.#deps.target, { content, codec, level, key, metadata: metadataOf(codec) });
    const chunk: NewChunk = { id, length: file.stat.size, place: undefined, waiting: [] };
    this.#record(chunk, stored);
    return chunk;
  }

  /** Yields the content in blocks, holes as zeros. The receiver may keep the blocks. Throws if the file ends early. */
  async *#blocksOf(file: OpenFile, regions: readonly Region[]): AsyncGenerator<Buffer<ArrayBuffer>> {
    let position = 0;
    for (const [offset, length] of [...regions, [file.stat.size, 0] as const]) {
      for (; position < offset; position += blockSize) {
        await this.#deps.breathe();
        yield zeros.subarray(0, Math.min(blockSize, offset - position));
      }
      position = offset;
      const end = offset + length;
      while (position < end) {
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

async function digestLarge(blocks: AsyncIterable<Buffer<ArrayBuffer>>, file: OpenFile, regions: readonly Region[]) {
  const whole = new Bun.CryptoHasher("sha256");
  const digests = new Map<number, string>();
  let position = 0;
  let next = 0;
  let digest = new Bun.CryptoHasher("sha256");
  for await (const block of blocks) {
    whole.update(block);
    const [offset, length] = regions[next] ?? [file.stat.size, 0];
    if (position >= offset) digest.update(block);
    position += block.length;
    if (position === offset + length && length > 0) {
      digests.set(offset, digest.digest("hex"));
      digest = new Bun.CryptoHasher("sha256");
      next += 1;
    }
  }
  return { id: whole.digest("hex"), digests };
}

/** Passes content on. Throws at its end if its SHA-256 is not `id`. */
async function* checked(content: AsyncIterable<Buffer<ArrayBuffer>>, id: string): AsyncGenerator<Buffer<ArrayBuffer>> {
  const digest = new Bun.CryptoHasher("sha256");
  for await (const block of content) {
    digest.update(block);
    yield block;
  }
  if (digest.digest("hex") !== id) throw new ContentChanged();
}

function readWhole({ fd, stat }: OpenFile, buffer: Buffer): number {
  let end = 0;
  while (end < stat.size) {
    const got = readAt(fd, buffer, end, stat.size - end, end);
    if (got === 0) break;
    end += got;
  }
  return end;
}

/** Returns one extent of the object for each region. Leaves out what lies beyond `end`: the file shrank. */
function extentsIn(
  chunk: PendingExtent["chunk"],
  regions: readonly Region[],
  end: number,
  digestOf: (offset: number, length: number) => string,
): PendingExtent[] {
  return regions.flatMap(([offset, length]) => {
    const kept = Math.min(length, end - offset);
    return kept > 0 ? [{ chunk, offset, length: kept, sha256: digestOf(offset, kept) }] : [];
  });
}

/** Metadata that names the codec, since the key of content does not. */
function metadataOf(codec: CompressionName): Record<string, string> {
  return codec === "none" ? {} : { "storage-encoding": codec };
}
