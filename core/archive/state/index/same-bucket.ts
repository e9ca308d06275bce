/**
 * Whether a bucket is the one that a state database speaks of, if the last index object of this host is not listed: in a bucket with
 * `ExpireAfterDays`, S3 hides that after some days, and removes it once its lock is over.
 */
import type { Database } from "bun:sqlite";
import type { BucketReader } from "../../../bucket/contract.ts";
import { throwIfFatal } from "../../../bucket/fatal.ts";
import { ObjectTable } from "../tables/objects.ts";

/**
 * `same`: it has the object that is locked longest, in the version that was put. `outdated`: nothing is locked long enough to be built
 * upon, so it makes no difference. `unknown`: it lacks that object, or the role may not look it up.
 */
export async function isSameBucket(
  bucket: Pick<BucketReader, "retention">,
  database: Database,
  minimumLockEnd: Date,
): Promise<"same" | "outdated" | "unknown"> {
  const object = new ObjectTable(database).lockedLongest();
  if (object === undefined || object.retainUntil < minimumLockEnd) return "outdated";
  try {
    return (await bucket.retention(object.key, object.version)) === undefined ? "unknown" : "same";
  } catch (error) {
    throwIfFatal(error);
    return "unknown";
  }
}
