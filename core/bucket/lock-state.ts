/** Whether a bucket keeps what backups stand on: Object Lock and versions. For a look before anything is stored. */
import { type BucketSettings, s3Settings } from "./open.ts";
import type { LockState } from "./s3/lock-configuration.ts";

export type { LockState } from "./s3/lock-configuration.ts";

/**
 * Asks the server two requests, with rights of their own
 * (`s3:GetBucketObjectLockConfiguration`, `s3:GetBucketVersioning`). A folder has both always. Errors are `BucketError`s.
 */
export async function readLockState(settings: BucketSettings): Promise<LockState> {
  if (settings.bucket.startsWith("file:")) return { objectLock: true, versioning: true };
  const { readS3LockState } = await import("./s3/lock-configuration.ts");
  return readS3LockState(await s3Settings(settings));
}
