/** Streams over the contract: content of unknown size in, bounded content out. */
import { createHash } from "node:crypto";
import { BucketError, type BucketWriter, type PutOptions, type Stored, type Upload } from "./contract.ts";

const mebibyte = 1024 * 1024;

export const firstPart = 8 * mebibyte;

/** So many parts are under way while one more fills up and then joins them: a stream takes the memory of three. */
const inFlight = 2;

/**
 * Size of the part that follows `sent` bytes. Parts grow by 1/1600 of what was sent before, so that 10,000 of them hold
 * 5 TiB (S3's limits on both), and still hold 16 MiB after 12 GiB and 72 MiB after 100 GiB.
 * @internal
 */
export function partSize(sent: number): number {
  return Math.ceil((firstPart + sent / 1600) / mebibyte) * mebibyte;
}

/**
 * Stores what `source` yields as one object: by a plain put where it ends within the first part, else in parts. On any
 * error, also one of `source`, nothing is stored. `sha256` is that of the stored bytes, in hex.
 */
export async function putStream(
  bucket: Pick<BucketWriter, "put" | "startUpload">,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: Omit<PutOptions, "sha256">,
): Promise<Stored & { readonly sha256: string }> {
  const hash = createHash("sha256");
  let parts: PartSender | undefined;
  try {
    let part = new PartBuffer(new Uint8Array(partSize(0)));
    for await (const piece of source) {
      hash.update(piece);
      for (let rest = piece; rest.byteLength > 0; ) {
        if (part.isFull()) {
          parts ??= new PartSender(await bucket.startUpload(key, options));
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

/** A buffer that fills up. */
class PartBuffer {
  #filled = 0;

  constructor(
    readonly buffer: Uint8Array,
    readonly size = buffer.byteLength,
  ) {}

  isFull(): boolean {
    return this.#filled === this.size;
  }

  /** Takes what fits, and returns the rest. */
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

/** Sends parts side by side, `inFlight` at most. */
class PartSender {
  readonly #running = new Set<Promise<void>>();
  /** Buffers of parts that were sent, to be filled again: the collector would notice late that so much is garbage. */
  readonly #free: Uint8Array[] = [];
  #number = 0;
  #sent = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(readonly upload: Upload) {}

  /** Resolves with the next part to fill, when there is room for it in memory. */
  async send(part: PartBuffer): Promise<PartBuffer> {
    while (this.#running.size >= inFlight) await Promise.race(this.#running);
    this.#check();
    this.#start(part);
    return this.#next(partSize(this.#sent));
  }

  async end(last: PartBuffer): Promise<Stored> {
    this.#start(last);
    await Promise.all(this.#running);
    this.#check();
    return this.upload.complete();
  }

  /** Waits for what is under way first: a part that arrives after the abort would stay. The first error is worth telling. */
  async abort(): Promise<void> {
    await Promise.all(this.#running);
    await this.upload.abort().catch(() => undefined);
  }

  /** Parts grow, so a buffer that is too small once is so for good. */
  #next(size: number): PartBuffer {
    const buffer = this.#free.pop();
    return new PartBuffer(buffer !== undefined && buffer.byteLength >= size ? buffer : new Uint8Array(size), size);
  }

  #start(part: PartBuffer): void {
    const bytes = part.bytes();
    this.#sent += bytes.byteLength;
    const run: Promise<void> = this.upload
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

/** Collects an object that is known to be small: more than `limit` bytes are `damaged`, and are not kept. */
export async function readAll(source: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    size += piece.byteLength;
    if (size > limit)
      throw new BucketError("damaged", {
        doing: "read an object",
        why: `it is larger than the ${limit} bytes expected`,
      });
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}
