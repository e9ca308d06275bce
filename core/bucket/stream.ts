/** Streams to and from a bucket: content of unknown size in, bounded content out. */
import { createHash } from "node:crypto";
import { BucketError, type BucketWriter, type PutOptions, type Stored, type Upload } from "./contract.ts";

const mebibyte = 1024 * 1024;

export const firstPart = 8 * mebibyte;

/** How an object is cut into parts. */
export type PartPlan = {
  /** Bytes of the part that follows `sent` bytes; never fewer than those of the part before. */
  readonly sizeAfter: (sent: number) => number;
  /** Parts sent at a time while one more fills up. With 0, the next fills up only when this one is sent. */
  readonly atOnce: (size: number) => number;
};

/**
 * Size of the part that follows `sent` bytes. Parts grow by 1/1600 of what was sent before, so that 10,000 of them hold
 * 5 TiB (S3's limits on both), and still hold 16 MiB after 12 GiB and 72 MiB after 100 GiB.
 * @internal
 */
export function partSize(sent: number): number {
  return inMebibytes(firstPart + sent / 1600);
}

/** For objects of unknown size. A stream takes the memory of three parts. */
const usualPlan: PartPlan = { sizeAfter: partSize, atOnce: () => 2 };

const largePart = 25 * mebibyte;
/** S3 takes no smaller part before another. */
const smallestPart = 5 * mebibyte;
/** S3 takes no larger part. */
const largestPart = 5 * 1024 * mebibyte;
const mostAtOnce = 10;
const leastAtOnce = 2;
/** Share of the memory of a machine that parts may take: other programs need theirs, and so does the rest of this one. */
const shareOfMemory = 1 / 4;
/** S3 takes 10,000 parts, which may have 5 TiB together. The rest is for content that is longer than was said. */
const partsForSure = 8_000;
const mostBytes = 5 * 1024 * 1024 * mebibyte;
/** By how much parts then grow: 5 TiB fit if nothing at all was said. */
const growth = 480;

/**
 * Plans large objects that probably have at most `bytes`, on a machine with so much `memory`: parts of 25 MiB, ten at a time, or as many as
 * memory allows, but never fewer than two. They are larger from 195 GiB on, so that 10,000 of them suffice, and take no more memory then:
 * fewer are sent at a time. Should there be more bytes, the last parts grow. What fits into one part takes no more memory than it has
 * bytes, or 5 MiB.
 */
export function planForLarge(bytes: number, memory = Number.POSITIVE_INFINITY): PartPlan {
  const size = Math.max(largePart, inMebibytes(Math.min(bytes, mostBytes) / partsForSure));
  const first = Math.min(size, Math.max(smallestPart, inMebibytes(bytes)));
  const inMemory = largePart * (1 + atOnceIn(memory));
  return {
    sizeAfter(sent) {
      if (sent === 0) return first;
      return sent < partsForSure * size ? size : Math.min(largestPart, Math.max(size, inMebibytes(sent / growth)));
    },
    atOnce: (part) => Math.max(0, Math.min(mostAtOnce, Math.floor(inMemory / part) - 1)),
  };
}

/** Returns how many parts of the usual size may be sent at a time, while one more fills up. */
function atOnceIn(memory: number): number {
  const parts = Math.floor((memory * shareOfMemory) / largePart) - 1;
  return Math.max(leastAtOnce, Math.min(mostAtOnce, parts));
}

function inMebibytes(bytes: number): number {
  return Math.ceil(bytes / mebibyte) * mebibyte;
}

/**
 * Stores what `source` yields as one object: by a plain put if it fits into the first part, else in parts. On any error,
 * also one of `source`, nothing is stored. The returned `sha256` is that of the stored bytes, in hex.
 */
export async function putStream(
  bucket: Pick<BucketWriter, "put" | "startUpload">,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: Omit<PutOptions, "sha256" | "pace">,
  plan: PartPlan = usualPlan,
): Promise<Stored & { readonly sha256: string }> {
  const hash = createHash("sha256");
  let parts: PartSender | undefined;
  try {
    let part = new PartBuffer(new Uint8Array(plan.sizeAfter(0)));
    for await (const piece of source) {
      hash.update(piece);
      for (let rest = piece; rest.byteLength > 0; ) {
        if (part.isFull()) {
          parts ??= new PartSender(await bucket.startUpload(key, options), plan);
          part = await parts.send(part);
        }
        rest = part.fill(rest);
      }
    }
    const sha256 = hash.digest("hex");
    if (parts === undefined) return { ...(await bucket.put(key, part.bytes(), { ...options, sha256 })), sha256 };
    return { ...(await parts.end(part)), sha256 };
  } catch (error) {
    await parts?.abort();
    throw error;
  }
}

/** One part of an upload, while it is filled. */
class PartBuffer {
  #filled = 0;

  constructor(
    readonly buffer: Uint8Array,
    readonly size = buffer.byteLength,
  ) {}

  isFull(): boolean {
    return this.#filled === this.size;
  }

  /** Copies what fits, and returns the rest. */
  fill(piece: Uint8Array): Uint8Array {
    const taken = piece.subarray(0, this.size - this.#filled);
    this.buffer.set(taken, this.#filled);
    this.#filled += taken.byteLength;
    return piece.subarray(taken.byteLength);
  }

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.#filled);
  }
}

/** Sends parts side by side. */
class PartSender {
  readonly #running = new Set<Promise<void>>();
  /** Buffers of sent parts, to be used again: the garbage collector would free so much memory too late. */
  readonly #free: Uint8Array[] = [];
  #number = 0;
  #sent = 0;
  #failure: { readonly error: unknown } | undefined;

  readonly #upload: Upload;
  readonly #plan: PartPlan;

  constructor(upload: Upload, plan: PartPlan) {
    this.#upload = upload;
    this.#plan = plan;
  }

  /** Resolves with the next part to fill, once there is room for it in memory. */
  async send(part: PartBuffer): Promise<PartBuffer> {
    const atOnce = this.#plan.atOnce(part.size);
    while (this.#running.size > 0 && this.#running.size >= atOnce) await Promise.race(this.#running);
    this.#check();
    this.#start(part);
    if (atOnce === 0) await Promise.all(this.#running);
    return this.#next(this.#plan.sizeAfter(this.#sent));
  }

  async end(last: PartBuffer): Promise<Stored> {
    this.#start(last);
    await Promise.all(this.#running);
    this.#check();
    return this.#upload.complete();
  }

  /** Waits for running parts first: one that arrives after the abort would stay. Its own errors are dropped: the first one counts. */
  async abort(): Promise<void> {
    await Promise.all(this.#running);
    await this.#upload.abort().catch(() => undefined);
  }

  /** Drops a buffer that is too small: parts only grow, so it would never fit again. */
  #next(size: number): PartBuffer {
    const buffer = this.#free.pop();
    return new PartBuffer(buffer !== undefined && buffer.byteLength >= size ? buffer : new Uint8Array(size), size);
  }

  #start(part: PartBuffer): void {
    const bytes = part.bytes();
    this.#sent += bytes.byteLength;
    const run: Promise<void> = this.#upload
      .part(++this.#number, bytes)
      .then(() => void this.#free.push(part.buffer))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Reads an object that is known to be small. More than `limit` bytes are a `damaged` error, and are not kept. */
export async function readAll(source: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    size += piece.byteLength;
    if (size > limit)
      throw new BucketError("damaged", {
        doing: "read an object",
        why: `it is larger than the expected ${limit} bytes`,
      });
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}
