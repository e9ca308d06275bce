/**
 * The layout `objects`: each file's content is one object named by its SHA-256, compressed where that pays.
 *
 * The name must be known before the bytes are sent. A small file is held in memory for that; a large one is read twice,
 * and the second reading must give the same hash, or nothing is stored under that name.
 */

import { putStream } from "../../../bucket/stream.ts";
import { type Compression, compressBytes, compressStream, pays, sampleSize } from "../../../format/compress.ts";
import type { Encoding } from "../../../format/entry.ts";
import { keys } from "../../../format/keys.ts";
import { sha256 } from "../../../format/sha256.ts";
import { readAt } from "../../../system/files.ts";
import { Garbage } from "../../../system/garbage.ts";
import type { OpenFile, Region } from "../reading/open-file.ts";
import type { ContentStore, ReadContent, StoreParts } from "./layout.ts";
import type { NewChunk, Piece } from "./ledger.ts";
import { Pool } from "./pool.ts";

const smallSize = 1024 * 1024;
const blockSize = 1024 * 1024;
const putsAtOnce = 8;
const zeros = Buffer.alloc(blockSize);

/** A large file's content was not the same when it was read for the second time. */
export class ContentChanged extends Error {}

export class ObjectStore implements ContentStore {
  private readonly buffers = new Pool(putsAtOnce, () => Buffer.allocUnsafeSlow(smallSize));
  private readonly garbage = new Garbage();
  private readonly puts = new Set<Promise<void>>();

  constructor(
    private readonly parts: StoreParts,
    private readonly compression: Compression,
  ) {}

  add(file: OpenFile, regions: readonly Region[]): Promise<ReadContent> {
    if (regions.length === 0) return Promise.resolve({ pieces: [], end: file.stat.size });
    return file.stat.size <= smallSize ? this.addSmall(file, regions) : this.addLarge(file, regions);
  }

  async finish(): Promise<void> {
    await Promise.all(this.puts);
    this.buffers.throwIfFailed();
  }

  async abandon(): Promise<void> {
    await Promise.allSettled(this.puts);
  }

  private async addSmall(file: OpenFile, regions: readonly Region[]): Promise<ReadContent> {
    const buffer = await this.buffers.take();
    let end: number;
    try {
      end = readWhole(file, buffer);
    } catch (error) {
      this.buffers.give(buffer);
      throw error;
    }
    const content = buffer.subarray(0, end);
    this.parts.meter.bytesRead += end;
    const id = sha256(content);
    const known = this.parts.ledger.find(id, end);
    const digest = (offset: number, length: number) => sha256(content.subarray(offset, offset + length));
    // What shrank meanwhile may have no data left.
    const first = regions[0]?.[0] ?? 0;
    if (known !== undefined || end <= first) {
      const pieces = known === undefined ? [] : piecesOf(known, regions, end, digest);
      this.buffers.give(buffer);
      return { pieces, end };
    }
    const chunk = this.parts.ledger.announce(id, end);
    const pieces = piecesOf(chunk, regions, end, digest);
    this.putInBackground(chunk, content, buffer);
    return { pieces, end };
  }

  private putInBackground(chunk: NewChunk, content: Buffer<ArrayBuffer>, buffer: Buffer<ArrayBuffer>): void {
    const put = this.putSmall(chunk, content)
      .then(
        () => this.buffers.give(buffer),
        (error: unknown) => this.buffers.fail(error),
      )
      .finally(() => this.puts.delete(put));
    this.puts.add(put);
  }

  private async putSmall(chunk: NewChunk, content: Buffer<ArrayBuffer>): Promise<void> {
    const encoding = pays(content.subarray(0, sampleSize), this.compression) ? encodingOf(this.compression) : "none";
    const body = encoding === "none" ? content : await compressBytes(content, this.compression);
    if (body !== content) this.garbage.left(body.length);
    const { bucket, retention } = this.parts;
    const key = keys.content(chunk.id);
    this.record(chunk, encoding, await bucket.put(key, body, { retention, metadata: metadataOf(encoding) }));
  }

  private record(chunk: NewChunk, encoding: Encoding, stored: { key: string; version: string; size: number }): void {
    const { key, version, size } = stored;
    const place = { frameOffset: 0, frameLength: size, offset: 0 };
    this.parts.ledger.stored({ key, version, size, encoding }, [{ chunk, place }]);
    this.parts.meter.bytesStored += size;
    this.parts.meter.objectsStored += 1;
  }

  private async addLarge(file: OpenFile, regions: readonly Region[]): Promise<ReadContent> {
    const { id, digests } = await digestLarge(this.blocksOf(file, regions), file, regions);
    const size = file.stat.size;
    this.parts.meter.bytesRead += size;
    const known = this.parts.ledger.find(id, size);
    const chunk = known ?? (await this.putLarge(file, regions, id));
    return { pieces: piecesOf(chunk, regions, size, (offset) => digests.get(offset) ?? ""), end: size };
  }

  private async putLarge(file: OpenFile, regions: readonly Region[], id: string): Promise<NewChunk> {
    const sample = Buffer.alloc(Math.min(sampleSize, file.stat.size));
    const [first] = regions;
    if (first !== undefined) readAt(file.fd, sample, 0, Math.min(sample.length, first[1]), first[0]);
    const encoding = pays(sample, this.compression) ? encodingOf(this.compression) : "none";
    const content = checked(this.blocksOf(file, regions), id);
    const source = encoding === "none" ? content : compressStream(content, this.compression);
    const { bucket, retention } = this.parts;
    const options = { retention, metadata: metadataOf(encoding) };
    const stored = await putStream(bucket, keys.content(id), source, options);
    const chunk: NewChunk = { id, length: file.stat.size, place: undefined, waiting: [] };
    this.record(chunk, encoding, stored);
    return chunk;
  }

  /** The content with holes as zeros, block by block; each block is the receiver's to keep. Fails where the file ends early. */
  private async *blocksOf(file: OpenFile, regions: readonly Region[]): AsyncGenerator<Buffer<ArrayBuffer>> {
    let position = 0;
    for (const [offset, length] of [...regions, [file.stat.size, 0] as const]) {
      for (; position < offset; position += blockSize) {
        await this.parts.breathe();
        yield zeros.subarray(0, Math.min(blockSize, offset - position));
      }
      position = offset;
      const end = offset + length;
      while (position < end) {
        await this.parts.breathe();
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

/** Passes content on and fails at its end where it is not what was hashed before. */
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

/** One piece for each region, all of the same object; regions beyond `end` fell away with the file's shrinking. */
function piecesOf(
  chunk: Piece["chunk"],
  regions: readonly Region[],
  end: number,
  digest: (offset: number, length: number) => string,
): Piece[] {
  return regions.flatMap(([offset, length]) => {
    const kept = Math.min(length, end - offset);
    return kept > 0 ? [{ chunk, offset, length: kept, sha256: digest(offset, kept) }] : [];
  });
}

function encodingOf({ kind }: Compression): Encoding {
  return kind;
}

function metadataOf(encoding: Encoding): Record<string, string> {
  return encoding === "none" ? {} : { "storage-encoding": encoding };
}
