/**
 * Backups that have expired: in a bucket whose lifecycle rule removes what no lock holds, nothing of a backup is promised after its date,
 * and some of it may be gone already. Until then, and as long as `renew` keeps it locked, all of it must be there.
 */
import type { BucketReader, Stored } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { day } from "../format/day.ts";
import type { ManifestHeader } from "../format/manifest/manifest.ts";

/** An archive locks roots for so much longer than it promises: content may be locked for less. */
const slackMs = 8 * day;

/** Returns the days of the bucket's rule; undefined if there is none, or if nobody may say. */
export async function daysUntilExpiry(bucket: Pick<BucketReader, "expiryDays">): Promise<number | undefined> {
  try {
    return await bucket.expiryDays();
  } catch (error) {
    throwIfFatal(error);
    return undefined;
  }
}

/** Returns whether a backup in such a bucket has expired. */
export async function isExpired(
  bucket: Pick<BucketReader, "retention">,
  root: Stored,
  { retain_until }: ManifestHeader,
  now: Date,
): Promise<boolean> {
  const promised = new Date(retain_until);
  if (promised > now) return false;
  const until = await lockOf(bucket, root);
  return until === undefined || until <= now || until.getTime() <= promised.getTime() + slackMs;
}

/** Undefined if it has none any more, or cannot be looked up. */
async function lockOf(bucket: Pick<BucketReader, "retention">, { key, version }: Stored): Promise<Date | undefined> {
  try {
    return (await bucket.retention(key, version))?.until;
  } catch (error) {
    throwIfFatal(error);
    return undefined;
  }
}
