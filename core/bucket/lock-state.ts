/** Whether a bucket has what backups need: Object Lock and versions. Read before anything is stored. */
import { type BucketSettings, s3Settings } from "./open.ts";
import type { LockState } from "./s3/lock-configuration.ts";

export type { LockState } from "./s3/lock-configuration.ts";

/**
 * Makes two requests, which need `s3:GetBucketObjectLockConfiguration` and `s3:GetBucketVersioning`. A directory always has
 * both. Throws `BucketError`s.
 */
export async function readLockState(settings: BucketSettings): Promise<LockState> {
  if (settings.bucket.startsWith("file:")) return { objectLock: true, versioning: true };
  const { readS3LockState } = await import("./s3/lock-configuration.ts");
  return readS3LockState(await s3Settings(settings));
}
