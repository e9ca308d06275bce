/** Watches a bucket from outside: what was put, until when it is locked, and that nothing locked is ever removed. */

import type { Bucket, Retention, Upload } from "../../core/bucket/contract.ts";
import { wrapBucket, wrapUpload } from "../../core/bucket/wrap.ts";
import type { LockMode } from "../../core/format/lock-mode.ts";
import type { Tell } from "./clock.ts";
import { sha256 } from "./tree.ts";

export type Version = {
  readonly key: string;
  readonly version: string;
  readonly size: number;
  /** Digest of the stored bytes. */
  readonly sha256: string;
  readonly until: Date;
  readonly mode: LockMode;
};

export class Watcher {
  readonly #now: () => Date;
  readonly #tell: Tell;

  /** What the bucket must hold now, by `idOf`. */
  readonly versions = new Map<string, Version>();
  readonly removed = { objects: 0, bytes: 0 };

  /** `tell` hears of what must not happen. */
  constructor(now: () => Date, tell: Tell) {
    this.#now = now;
    this.#tell = tell;
  }

  around(bucket: Bucket): Bucket {
    return wrapBucket(bucket, {
      put: async (key, body, options) => {
        const digest = sha256(body);
        const stored = await bucket.put(key, body, options);
        this.#put({ ...stored, sha256: digest, ...options.retention });
        return stored;
      },
      startUpload: async (key, options) => this.#watchUpload(await bucket.startUpload(key, options), options.retention),
      extend: async (key, version, retention) => {
        await bucket.extend(key, version, retention);
        this.#extended(idOf(key, version), retention);
      },
      remove: async (key, version) => {
        await bucket.remove(key, version);
        this.#removed(idOf(key, version));
      },
    });
  }

  #watchUpload(upload: Upload, retention: Retention): Upload {
    const parts = new Map<number, Uint8Array>();
    return wrapUpload(upload, {
      part: async (number, body) => {
        parts.set(number, body.slice());
        await upload.part(number, body);
      },
      complete: async () => {
        const stored = await upload.complete();
        const inOrder = [...parts].sort(([one], [other]) => one - other).map(([, body]) => body);
        this.#put({ ...stored, sha256: sha256(Buffer.concat(inOrder)), ...retention });
        return stored;
      },
    });
  }

  #put(version: Version): void {
    const id = idOf(version.key, version.version);
    if (this.versions.has(id)) this.#tell(`${id} was put over itself`);
    if (version.until <= this.#now()) this.#tell(`${id} was put without a lock`);
    this.versions.set(id, version);
  }

  #extended(id: string, { until, mode }: Retention): void {
    const before = this.versions.get(id);
    if (before === undefined) {
      this.#tell(`${id} was extended, and is not there`);
      return;
    }
    if (until < before.until) this.#tell(`the lock of ${id} was moved back to ${until.toISOString()}`);
    this.versions.set(id, { ...before, until, mode });
  }

  #removed(id: string): void {
    const before = this.versions.get(id);
    if (before === undefined) return;
    if (before.until > this.#now()) this.#tell(`${id} was removed, and is locked until ${before.until.toISOString()}`);
    this.versions.delete(id);
    this.removed.objects += 1;
    this.removed.bytes += before.size;
  }
}

export function idOf(key: string, version: string): string {
  return `${key} in version ${version}`;
}
