/** Notes which objects could not be read since they are frozen: packs that a lifecycle rule moved, for example. */
import { type Bucket, BucketError, type GetOptions } from "../../core/bucket/contract.ts";
import { wrapBucket } from "../../core/bucket/wrap.ts";
import { eachOf } from "../../core/side-by-side.ts";
import { lookUp } from "./collect.ts";
import { type FrozenSum, NeededObjects } from "./needed.ts";

/** Objects that are looked up at the end. What thawing costs is said of no more. */
const mostLookedUp = 10_000;
const atOnce = 16;

export class FrozenGets {
  /** Gives what `bucket` gives. */
  readonly bucket: Bucket;
  readonly #bucket: Bucket;
  readonly #met = new Map<string, { readonly key: string; readonly version: string }>();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    this.bucket = wrapBucket(bucket, { get: (key, options) => this.#get(key, options) });
  }

  /** Looks up what was met. */
  async sums(signal: AbortSignal): Promise<FrozenSum[]> {
    using needed = new NeededObjects();
    await this.collect(needed, signal);
    return needed.sums();
  }

  /** Adds what was met, and is still frozen. */
  async collect(needed: NeededObjects, signal: AbortSignal): Promise<void> {
    await eachOf(this.#met.values(), atOnce, async ({ key, version }) => {
      signal.throwIfAborted();
      const info = await lookUp(this.#bucket, { key, version });
      if (info?.archived === undefined) return;
      needed.add(info);
      needed.frozen(info, info.archived, info.size);
    });
  }

  async *#get(key: string, options?: GetOptions): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#bucket.get(key, options);
    } catch (error) {
      const version = options?.version;
      const isFrozen = error instanceof BucketError && error.kind === "frozen";
      if (isFrozen && version !== undefined && this.#met.size < mostLookedUp)
        this.#met.set(JSON.stringify([key, version]), { key, version });
      throw error;
    }
  }
}
