/** Counts the requests that really go out, and the bytes of content both ways. Goes below `retry`, so that each attempt counts. */
import type { Bucket, GetOptions, Upload } from "../contract.ts";
import { type BucketRequests, wrapBucket } from "../wrap.ts";

/**
 * Requests by kind, then bytes. A multipart upload counts as puts: its start, each part, its end. Thawing counts as a put, an abort as a
 * remove; reading a lock, or the bucket's settings for locks, counts as heads, and is billed so.
 */
export type Counts = {
  put: number;
  get: number;
  head: number;
  list: number;
  extend: number;
  remove: number;
  sent: number;
  received: number;
};

export const noCounts = (): Counts => ({
  put: 0,
  get: 0,
  head: 0,
  list: 0,
  extend: 0,
  remove: 0,
  sent: 0,
  received: 0,
});

/** A bucket that adds each request to `counts`. */
export function count(bucket: Bucket, counts: Counts): Bucket {
  const counted: BucketRequests = {
    put(key, body, options) {
      counts.put++;
      counts.sent += body.byteLength;
      return bucket.put(key, body, options);
    },
    async startUpload(key, options) {
      counts.put++;
      return countUpload(await bucket.startUpload(key, options), counts);
    },
    extend(key, version, retention) {
      counts.extend++;
      return bucket.extend(key, version, retention);
    },
    get: (key, options) => countGet(bucket, counts, key, options),
    head(key, version) {
      counts.head++;
      return bucket.head(key, version);
    },
    retention(key, version) {
      counts.head++;
      return bucket.retention(key, version);
    },
    lockState() {
      // A folder has no settings to ask for.
      if (!bucket.url.startsWith("file:")) counts.head += 2;
      return bucket.lockState();
    },
    expiryDays() {
      if (!bucket.url.startsWith("file:")) counts.head++;
      return bucket.expiryDays();
    },
    list: (prefix, after) => countPages(bucket.list(prefix, after), counts),
    listVersions: (prefix, after) => countPages(bucket.listVersions(prefix, after), counts),
    remove(key, version) {
      counts.remove++;
      return bucket.remove(key, version);
    },
    thaw(key, version, wish) {
      counts.put++;
      return bucket.thaw(key, version, wish);
    },
  };
  return wrapBucket(bucket, counted);
}

function countUpload(upload: Upload, counts: Counts): Upload {
  return {
    part(number, body, pace) {
      counts.put++;
      counts.sent += body.byteLength;
      return upload.part(number, body, pace);
    },
    complete() {
      counts.put++;
      return upload.complete();
    },
    abort() {
      counts.remove++;
      return upload.abort();
    },
  };
}

async function* countGet(bucket: Bucket, counts: Counts, key: string, options: GetOptions | undefined) {
  counts.get++;
  for await (const piece of bucket.get(key, options)) {
    counts.received += piece.byteLength;
    yield piece;
  }
}

/** Counts each page as a request that was answered, and an error as one that was not. */
async function* countPages<T>(pages: AsyncIterable<T>, counts: Counts): AsyncGenerator<T> {
  try {
    for await (const page of pages) {
      counts.list++;
      yield page;
    }
  } catch (error) {
    counts.list++;
    throw error;
  }
}
