/**
 * The lifecycle rule of a bucket with `ExpireAfterDays`: every day it puts a marker over what is old enough, and removes what lies under
 * one for a day, if no lock holds it. Markers hide objects from all that names no version.
 */
import { type Bucket, BucketError, type ListedVersion } from "../../core/bucket/contract.ts";
import { wrapBucket } from "../../core/bucket/wrap.ts";
import { day, type Tell } from "./clock.ts";
import { idOf, type Watcher } from "./watcher.ts";

export class Expiry {
  /** Versions under a marker, and since when. */
  readonly #hidden = new Map<string, Date>();
  removed = 0;

  constructor(
    readonly days: number,
    readonly bucket: Bucket,
    readonly watcher: Watcher,
  ) {}

  /** The bucket as all see it. */
  around(): Bucket {
    const { bucket, days } = this;
    return wrapBucket(bucket, {
      expiryDays: async () => days,
      head: async (key, version) => {
        const found = await bucket.head(key, version);
        return version === undefined && found && this.#isHidden(found) ? undefined : found;
      },
      get: (key, options = {}) =>
        options.version === undefined ? this.#newest(key, options) : bucket.get(key, options),
      list: (prefix, after) => this.#list(prefix, after),
      listVersions: (prefix, after) => this.#listVersions(prefix, after),
    });
  }

  /** A day's work. Tells of what stays although nothing holds it. */
  async work(now: Date, tell: Tell): Promise<void> {
    for await (const page of this.bucket.listVersions("")) {
      for (const listed of page) await this.#one(listed, now, tell);
    }
  }

  async #one(listed: ListedVersion, now: Date, tell: Tell): Promise<void> {
    const { key, version, stored, latest } = listed;
    const id = idOf(key, version);
    const since = this.#hidden.get(id);
    const old = now.getTime() - stored.getTime() >= this.days * day;
    if (since === undefined && (old || !latest)) this.#hidden.set(id, now);
    const until = this.watcher.versions.get(id)?.until;
    if (until === undefined) return tell(`${id} is there, and nobody has put it`);
    if (since === undefined || now.getTime() - since.getTime() < day || until > now) return;
    await this.bucket.remove(key, version);
    this.#hidden.delete(id);
    this.removed += 1;
  }

  #isHidden({ key, version }: { readonly key: string; readonly version?: string }): boolean {
    return version !== undefined && this.#hidden.has(idOf(key, version));
  }

  async *#newest(key: string, options: Parameters<Bucket["get"]>[1]): AsyncGenerator<Uint8Array> {
    const found = await this.bucket.head(key);
    if (found === undefined || this.#isHidden(found))
      throw new BucketError("missing", { doing: "read", what: key, why: "a delete marker lies over it" });
    yield* this.bucket.get(key, { ...options, version: found.version });
  }

  async *#list(prefix: string, after: string | undefined): ReturnType<typeof this.bucket.list> {
    for await (const page of this.bucket.list(prefix, after)) yield page.filter((listed) => !this.#isHidden(listed));
  }

  async *#listVersions(prefix: string, after: string | undefined): AsyncGenerator<readonly ListedVersion[]> {
    for await (const page of this.bucket.listVersions(prefix, after))
      yield page.flatMap((one) => this.#withMarker(one));
  }

  #withMarker(listed: ListedVersion): ListedVersion[] {
    const stored = this.#hidden.get(idOf(listed.key, listed.version));
    if (stored === undefined || !listed.latest) return [listed];
    return [
      { ...listed, version: "marker", size: 0, stored, deleteMarker: true },
      { ...listed, latest: false },
    ];
  }
}
