/**
 * Decides by the lock itself what a refused extension or removal means. Servers refuse in many ways: AWS and Ceph as they
 * deny what a policy forbids, others with an error of their own. Goes above `count`, so that the reading counts, too.
 */
import {
  type Bucket,
  BucketError,
  type BucketErrorKind,
  type BucketReader,
  type BucketWriter,
  type Retention,
} from "../contract.ts";
import { isEnough } from "../retention.ts";
import { wrapBucket } from "../wrap.ts";

/** A bucket whose `locked` is what the lock says: see the contract of `extend` and `remove`. */
export function readBack(bucket: Bucket): Bucket {
  return wrapBucket(bucket, {
    extend: (key, version, retention) => extend(bucket, key, version, retention),
    async remove(key, version) {
      try {
        await bucket.remove(key, version);
      } catch (error) {
        throw isRefusal(error) ? await whyNotRemoved(bucket, error, key, version) : error;
      }
    },
  });
}

const refusals: readonly BucketErrorKind[] = ["denied", "other", "no-lock"];

/** Returns whether the server may have understood the request, and not wanted it. */
function isRefusal(error: unknown): error is BucketError {
  return error instanceof BucketError && refusals.includes(error.kind);
}

async function extend(bucket: BucketWriter & Looks, key: string, version: string, wanted: Retention): Promise<void> {
  try {
    await bucket.extend(key, version, wanted);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const lock = await lockOf(bucket, key, version);
    if (lock === undefined || lock instanceof BucketError) throw notRead(error, lock);
    if (isEnough(lock, wanted)) throw locked(error, wordsFor(lock));
    if (lock.mode === wanted.mode || wanted.mode === "COMPLIANCE") throw tooWeak(error, lock);
    await bucket.extend(key, version, { ...wanted, mode: lock.mode });
  }
}

type Looks = Pick<BucketReader, "head" | "retention">;

/** Tries both ways to read the lock: a role, or a service, may have only one of them. */
async function lockOf(bucket: Looks, key: string, version: string): Promise<Retention | undefined | BucketError> {
  const lock = await bucket.retention(key, version).catch(bucketError);
  if (!(lock instanceof BucketError)) return lock;
  const info = await bucket.head(key, version).catch(bucketError);
  return info === undefined || info instanceof BucketError ? lock : (info.retention ?? lock);
}

/** Without a date of the server's, nothing says that a lock has not ended. */
async function whyNotRemoved(
  bucket: Looks & Pick<Bucket, "serverTime">,
  error: BucketError,
  key: string,
  version: string,
): Promise<BucketError> {
  const lock = await lockOf(bucket, key, version);
  const now = bucket.serverTime();
  const isLocked = lock !== undefined && !(lock instanceof BucketError) && now !== undefined && lock.until > now;
  if (isLocked) return locked(error, wordsFor(lock));
  const info = await bucket.head(key, version).catch(bucketError);
  const isHeld = info !== undefined && !(info instanceof BucketError) && info.legalHold;
  return isHeld ? locked(error, { why: "a legal hold is on it", remedy: "lift the hold, if nobody needs it" }) : error;
}

function wordsFor({ mode, until }: Retention) {
  const why = `it is locked until ${until.toISOString()} (${mode})`;
  return { why, remedy: "wait until then; a lock can only become longer" };
}

function locked({ parts }: BucketError, words: { readonly why: string; readonly remedy: string }): BucketError {
  return new BucketError("locked", { ...parts, ...words });
}

function tooWeak({ parts }: BucketError, { mode, until }: Retention): BucketError {
  return new BucketError("denied", {
    ...parts,
    why: `${parts.why}; it stays locked until ${until.toISOString()} (${mode})`,
  });
}

/** Returns the refusal as it came. If the lock could not be read as a right was missing, names both rights. */
function notRead(error: BucketError, lock: BucketError | undefined): BucketError {
  if (error.kind !== "denied" || lock?.kind !== "denied") return error;
  const why = `${error.parts.why}; and its lock cannot be read: ${lock.parts.why}`;
  const remedy = "check that the role may s3:PutObjectRetention and s3:GetObjectRetention there";
  return new BucketError("denied", { ...error.parts, why, remedy });
}

/** Returns a `BucketError`, and throws anything else, such as the user's wish to stop. */
function bucketError(error: unknown): BucketError {
  if (error instanceof BucketError) return error;
  throw error;
}
