/**
 * Puts frames into packs, in the order in which they come. A full pack is put while the next one fills; the number of buffers bounds
 * memory.
 */
import { keys } from "../../../format/keys/keys.ts";
import { contentsSize, encodeContents, type PackedFrame } from "../../../format/packs/pack.ts";
import { sizeOfFiltered, writeHashed } from "../../../stored/write.ts";
import { release } from "../../../system/threads/garbage.ts";
import type { LayoutDeps } from "./layout.ts";
import type { NewChunk, StoredChunk } from "./ledger.ts";
import { Pool } from "./pool.ts";

/** Number of packs in memory: one is put while the other fills. */
const packsAtOnce = 2;
/** Bound on the chunks of a pack: limits the rows that wait for it, and its table of contents. */
export const mostChunks = 8_192;

/** A new chunk, and where in the content of its frame it begins. */
export type FramedChunk = { readonly chunk: NewChunk; readonly offset: number };

/** `sealed`: for what filters make of it, if there are any. The buffer is its end, and is overwritten. */
type PackMemory = { readonly buffer: Buffer; readonly sealed: Buffer | undefined };

type FillingPack = PackMemory & {
  used: number;
  frames: { length: number; chunks: NewChunk[] }[];
  chunks: StoredChunk[];
  digest: Bun.CryptoHasher;
};

type PackFillerOptions = {
  /** Approximate size of a pack in the bucket, in bytes. */
  readonly packSize: number;
  /** Bound on the bytes of a frame. */
  readonly frameCapacity: number;
  /** Called if a pack could not be put. */
  readonly onError: (error: unknown) => void;
};

export class PackFiller {
  readonly #deps: Pick<LayoutDeps, "target" | "ledger" | "meter">;
  readonly #packSize: number;
  readonly #onError: (error: unknown) => void;
  readonly #buffers: Pool<PackMemory>;
  #pack: FillingPack | undefined;
  readonly #puts = new Set<Promise<void>>();

  constructor(deps: Pick<LayoutDeps, "target" | "ledger" | "meter">, options: PackFillerOptions) {
    const { packSize, frameCapacity, onError } = options;
    this.#deps = deps;
    this.#packSize = packSize;
    this.#onError = onError;
    const capacity = packSize + frameCapacity + contentsSize(mostChunks, mostChunks);
    const isSealed = deps.target.filters.length > 0;
    this.#buffers = new Pool(packsAtOnce, () => packMemory(capacity, isSealed));
  }

  /** Copies a frame into the pack being filled, or into the next one. Call again only when that is done. */
  async append(frame: Uint8Array, chunks: readonly FramedChunk[]): Promise<void> {
    if (this.#pack !== undefined && this.#isFull(this.#pack, frame.length, chunks.length)) this.#closePack(this.#pack);
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

  /** Puts the pack being filled, too, and waits until all are put. A failure goes to `onError`. */
  async putAll(): Promise<void> {
    if (this.#pack !== undefined) this.#closePack(this.#pack);
    await Promise.all(this.#puts);
  }

  /** Waits until all puts under way have succeeded or failed, and releases memory. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#puts);
    for (const { buffer, sealed } of this.#buffers.drain()) release(sealed ?? buffer);
  }

  /** Rejects what waits for a buffer, and all that will. */
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

  #closePack(pack: FillingPack): void {
    this.#pack = undefined;
    const put = this.#put(pack)
      .catch((error: unknown) => this.#onError(error))
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
