/**
 * Ceph 16 (and moto) take the lock that is asked for when an upload in parts starts, and forget it. Behind an endpoint
 * that is not AWS, each finished upload is therefore locked by a request of its own: `complete` returns when it is.
 */
import type { Bucket, BucketWriter, Retention, Upload } from "../contract.ts";

/** Goes above `retry`: a lost answer to the lock must not repeat the upload's end. */
export function lockUploads(bucket: Bucket): Bucket {
  return {
    url: bucket.url,
    put: (key, body, options) => bucket.put(key, body, options),
    startUpload: async (key, options) => lockAfter(await bucket.startUpload(key, options), bucket, options.retention),
    extend: (key, version, retention) => bucket.extend(key, version, retention),
    get: (key, options) => bucket.get(key, options),
    head: (key, version) => bucket.head(key, version),
    retention: (key, version) => bucket.retention(key, version),
    list: (prefix, after) => bucket.list(prefix, after),
    listVersions: (prefix, after) => bucket.listVersions(prefix, after),
    remove: (key, version) => bucket.remove(key, version),
    serverTime: () => bucket.serverTime(),
    close: () => bucket.close(),
  };
}

function lockAfter(upload: Upload, bucket: BucketWriter, retention: Retention): Upload {
  return {
    part: (number, body) => upload.part(number, body),
    async complete() {
      const stored = await upload.complete();
      await bucket.extend(stored.key, stored.version, retention);
      return stored;
    },
    abort: () => upload.abort(),
  };
}
