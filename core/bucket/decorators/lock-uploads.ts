/**
 * Ceph 16 and moto accept the lock that is asked for when an upload in parts starts, and forget it. Behind an endpoint
 * that is not AWS, each finished upload is therefore locked by a request of its own, and the lock is read back: a request more is
 * little for an object of many parts. On AWS, only one whose answer was lost: what was found in its place may have another lock.
 */
import type { Bucket, Retention, Upload } from "../contract.ts";
import { extendUnlessLonger } from "../extend-unless-longer.ts";
import { ExtensionCheck } from "../extension-check.ts";
import { wrapBucket, wrapUpload } from "../wrap.ts";

/**
 * A bucket whose uploads are locked when `complete` returns. Goes above `retry`: a lost answer to the lock must not
 * repeat the upload's end.
 */
export function lockUploads(bucket: Bucket, which: "all" | "found"): Bucket {
  return wrapBucket(bucket, {
    async startUpload(key, options) {
      const upload = await bucket.startUpload(key, options);
      return wrapUpload(upload, { complete: () => completeLocked(upload, bucket, options.retention, which) });
    },
  });
}

async function completeLocked(upload: Upload, bucket: Bucket, retention: Retention, which: "all" | "found") {
  const { isFound, ...stored } = await upload.complete();
  if (which === "found" && isFound === undefined) return stored;
  await extendUnlessLonger(bucket, stored, retention);
  await new ExtensionCheck(bucket).mustKeep(stored, retention);
  return stored;
}
