/**
 * Ceph 16 and moto accept the lock that is asked for when an upload in parts starts, and forget it. Behind an endpoint
 * that is not AWS, each finished upload is therefore locked by a request of its own, and the lock is read back: a request more is
 * little for an object of many parts.
 */
import { type Bucket, BucketError, type Retention, type Upload } from "../contract.ts";
import { ExtensionCheck } from "../extension-check.ts";
import { wrapBucket, wrapUpload } from "../wrap.ts";

/**
 * A bucket whose uploads are locked when `complete` returns. Goes above `retry`: a lost answer to the lock must not
 * repeat the upload's end.
 */
export function lockUploads(bucket: Bucket): Bucket {
  return wrapBucket(bucket, {
    startUpload: async (key, options) => lockAfter(await bucket.startUpload(key, options), bucket, options.retention),
  });
}

function lockAfter(upload: Upload, bucket: Pick<Bucket, "extend" | "retention">, retention: Retention): Upload {
  return wrapUpload(upload, {
    async complete() {
      const stored = await upload.complete();
      // The same bytes with a longer lock may have been found in place of an upload whose answer was lost.
      await bucket.extend(stored.key, stored.version, retention).catch((error: unknown) => {
        if (!(error instanceof BucketError) || error.kind !== "locked") throw error;
      });
      await new ExtensionCheck(bucket).mustKeep(stored, retention);
      return stored;
    },
  });
}
