/** Puts frames into packs, one after another, and packs into the bucket: one is put while the next one fills. */

import { keys } from "../../../format/keys/keys.ts";
import { contentsSize, encodeContents, type PackedFrame } from "../../../format/packs/pack.ts";
import { sizeOfFiltered, writeHashed } from "../../../stored/write.ts";
import { release } from "../../../system/threads/garbage.ts";
import { chunkSize } from "./chunker.ts";
import type { LayoutDeps } from "./layout.ts";
import type { NewChunk, StoredChunk } from "./ledger.ts";
import { Pool } from "./pool.ts";

/** Size at which a frame is closed, if packs are not smaller: enough to compress well, and little to read for one small file. */
export const largestFrame = 1.5 * 1024 * 1024;
/** Bound on the bytes of a frame, which is closed after the chunk that makes it too large. */
export const frameCapacity = largestFrame + chunkSize.largest;
/** Bound on the chunks of a pack: limits the rows that wait for it, and its table of contents. */
export const mostChunks = 8_192;
/** Number of packs in memory: one is put while the other fills. */
const packsAtOnce = 2;

/** A chunk, and where it begins in its frame. */
export type PlacedChunk = { readonly chunk: NewChunk; readonly offset: number };

/** `sealed`: for what filters make of it, if there are any. The buffer is its end, and is overwritten. */
type PackMemory = { readonly buffer: Buffer; readonly sealed: Buffer | undefined };

type FillingPack = PackMemory & {
  used: number;
  frames: { length: number; chunks: NewChunk[] }[];
  chunks: StoredChunk[];
  digest: Bun.CryptoHasher;
};

export class PackWriter {
  readonly #deps: LayoutDeps;
  readonly #packSize: number;
  readonly #failed: (error: unknown) => void;
  readonly #buffers: Pool<PackMemory>;
  readonly #puts = new Set<Promise<void>>();
  #pack: FillingPack | undefined;

  /** `failed` is called if a pack cannot be put, and calls `fail`. */
  constructor(deps: LayoutDeps, packSize: number, failed: (error: unknown) => void) {
    this.#deps = deps;
    this.#packSize = packSize;
    this.#failed = failed;
    const capacity = packSize + frameCapacity + contentsSize(mostChunks, mostChunks);
    const isSealed = deps.target.filters.length > 0;
    this.#buffers = new Pool(packsAtOnce, () => packMemory(capacity, isSealed));
  }

  /** Copies a frame into the pack, or into the next one if it has no room, and releases it. Call again when this has resolved. */
  async append(frame: Uint8Array, chunks: readonly PlacedChunk[]): Promise<void> {
    if (this.#pack !== undefined && this.#isFull(this.#pack, frame.length, chunks.length)) this.#close(this.#pack);
    this.#pack ??= await this.#newPack();
    const pack = this.#pack;
    pack.buffer.set(frame, pack.used);
    pack.digest.update(frame);
    for (const { chunk, offset } of chunks) {
      pack.chunks.push({ chunk, frameOffset: pack.used, frameLength: frame.length, offset });
    }
    pack.frames.push({ length: frame.length, chunks: chunks.map(({ chunk }) => chunk) });
    pack.used += frame.length;
    release(frame);
  }

  /** Puts the pack that is being filled, too, and waits for all. */
  async putAll(): Promise<void> {
    if (this.#pack !== undefined) this.#close(this.#pack);
    await Promise.all(this.#puts);
  }

  /** Waits for what is being put, and releases all memory. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#puts);
    for (const { buffer, sealed } of this.#buffers.drain()) release(sealed ?? buffer);
  }

  /** Lets nobody wait for a pack any more. */
  fail(error: unknown): void {
    this.#buffers.fail(error);
  }

  #isFull(pack: FillingPack, frameLength: number, chunks: number): boolean {
    const contents = contentsSize(pack.frames.length + 1, pack.chunks.length + chunks);
    return pack.used + frameLength + contents > this.#packSize || pack.chunks.length + chunks > mostChunks;
  }

  async #newPack(): Promise<FillingPack> {
    const digest = new Bun.CryptoHasher("sha256");
    return { ...(await this.#buffers.take()), used: 0, frames: [], chunks: [], digest };
  }

  #close(pack: FillingPack): void {
    this.#pack = undefined;
    const put = this.#put(pack)
      .catch(this.#failed)
      .finally(() => this.#puts.delete(put));
    this.#puts.add(put);
  }

  async #put({ buffer, sealed, used, frames, chunks, digest }: FillingPack): Promise<void> {
    const contents = encodeContents(frames.map(packedFrame));
    buffer.set(contents, used);
    const content = buffer.subarray(0, used + contents.length);
    const contentSha256 = digest.update(contents).digest("hex");
    const { target, ledger, meter } = this.#deps;
    const { key, version, size, encoding } = await writeHashed(target, {
      content,
      codec: "frames",
      keyOf: keys.pack,
      contentSha256,
      memory: sealed,
    });
    ledger.stored({ key, version, size, encoding }, chunks);
    meter.bytesStored += size;
    meter.objectsStored += 1;
    this.#buffers.give({ buffer, sealed });
  }
}

function packMemory(capacity: number, isSealed: boolean): PackMemory {
  if (!isSealed) return { buffer: Buffer.allocUnsafeSlow(capacity), sealed: undefined };
  const sealed = Buffer.allocUnsafeSlow(sizeOfFiltered(capacity));
  return { buffer: sealed.subarray(sealed.length - capacity), sealed };
}

function packedFrame({ length, chunks }: FillingPack["frames"][number]): PackedFrame {
  return { length, chunks: chunks.map((chunk) => ({ id: Buffer.from(chunk.sha256, "hex"), length: chunk.length })) };
}
