/** The one place that lists a bucket's methods: decorators say only what they change. */
import type { Bucket, Upload } from "./contract.ts";

/** Everything of a bucket that makes requests. A decorator that must cover each of them is checked against this type. */
export type BucketRequests = Omit<Bucket, "url" | "serverTime" | "close">;

/** A bucket that passes every call on to `bucket`, but for those in `overrides`. */
export function wrapBucket(bucket: Bucket, overrides: Partial<Bucket>): Bucket {
  return {
    url: bucket.url,
    put: (...args) => bucket.put(...args),
    startUpload: (...args) => bucket.startUpload(...args),
    extend: (...args) => bucket.extend(...args),
    get: (...args) => bucket.get(...args),
    head: (...args) => bucket.head(...args),
    retention: (...args) => bucket.retention(...args),
    lockState: () => bucket.lockState(),
    expiryDays: () => bucket.expiryDays(),
    list: (...args) => bucket.list(...args),
    listVersions: (...args) => bucket.listVersions(...args),
    remove: (...args) => bucket.remove(...args),
    thaw: (...args) => bucket.thaw(...args),
    serverTime: () => bucket.serverTime(),
    close: () => bucket.close(),
    ...overrides,
  };
}

/** An upload that passes every call on to `upload`, but for those in `overrides`. */
export function wrapUpload(upload: Upload, overrides: Partial<Upload>): Upload {
  return {
    part: (...args) => upload.part(...args),
    complete: () => upload.complete(),
    abort: () => upload.abort(),
    ...overrides,
  };
}
