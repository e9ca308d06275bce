/**
 * Proves that a bucket keeps locks, before anything is stored there: some servers take a lock, and forget it. A small object
 * is stored with a lock, which must read back as it was asked for, and its removal must be refused. The object is named as
 * a dump that no manifest has, so that the next prune after its lock removes it.
 *
 * A refused removal alone proves little: the role that archives may not remove anything. The lock that is read back is the
 * proof; that somebody who may remove is refused, too, can be seen only with the rights to do so.
 */
import { type Bucket, BucketError, type LockState, type Retention, type Stored } from "../../bucket/contract.ts";
import { Failure } from "../../failure.ts";
import { keys } from "../../format/keys/keys.ts";
import type { LockMode } from "../../format/lock-mode.ts";
import { sha256 } from "../../format/sha256.ts";
import { writeBytes } from "../../stored/write.ts";

export type LockProofDeps = {
  readonly bucket: Pick<Bucket, "url" | "lockState" | "put" | "startUpload" | "retention" | "remove">;
  /** The backup name. */
  readonly name: string;
  readonly mode: LockMode;
  /** What locks are counted from. */
  readonly start: Date;
};

/** Why a lock is not proved, though nothing speaks against it: the role may not look at it. Undefined if it is. */
export type LockDoubt = string | undefined;

/** Longer than clocks differ that S3 accepts. */
const lockTime = 60 * 60 * 1000;

/** Throws a Failure if the bucket has no Object Lock or no versions, or does not keep the lock; and the bucket's own errors. */
export async function proveLock(deps: LockProofDeps): Promise<LockDoubt> {
  const { bucket, name, mode, start } = deps;
  const state = await stateOf(bucket);
  if (state !== undefined) mustLock(state, bucket.url);
  if (state?.keptBy === "this program") return undefined;
  const retention = { mode, until: wholeSecond(start.getTime() + lockTime) };
  const doubt = await proveWith(keys.snapshot(name, start, "lock-proof", ""), retention, bucket);
  if (doubt === undefined) return undefined;
  // The role of s3-sysbackup may look at locks of content alone. Nothing names this, either.
  return proveWith(keys.content(sha256(content)), retention, bucket);
}

const content = Buffer.from("Proof that this bucket keeps locks. Of no use once its lock has ended.\n");

async function proveWith(key: string, retention: Retention, bucket: LockProofDeps["bucket"]): Promise<LockDoubt> {
  const stored = await writeBytes({ bucket, retention, filters: [] }, { content, codec: "none", key });
  const doubt = await mustReadBack(bucket, stored, retention);
  await mustNotBeRemoved(bucket, stored);
  return doubt;
}

/** Undefined if the role may not ask: the lock itself then tells. */
async function stateOf(bucket: LockProofDeps["bucket"]): Promise<LockState | undefined> {
  try {
    return await bucket.lockState();
  } catch (error) {
    if (!(error instanceof BucketError)) throw error;
    if (error.kind === "denied") return undefined;
    if (!isAboutRequest(error)) throw error;
    throw unprotected(bucket.url, `whether it has Object Lock cannot be read (${error.parts.why})`, error);
  }
}

function mustLock({ objectLock, versioning }: LockState, url: string): void {
  if (!objectLock) throw unprotected(url, "the bucket has no Object Lock");
  if (!versioning) throw unprotected(url, "the bucket keeps no versions, which Object Lock needs");
}

async function mustReadBack(
  bucket: LockProofDeps["bucket"],
  { key, version }: Stored,
  { mode, until }: Retention,
): Promise<LockDoubt> {
  const wanted = `${JSON.stringify(key)} was stored to be locked until ${until.toISOString()} (${mode})`;
  let lock: Retention | undefined;
  try {
    lock = await bucket.retention(key, version);
  } catch (error) {
    if (!(error instanceof BucketError)) throw error;
    if (error.kind === "denied") return error.parts.why;
    if (!isAboutRequest(error)) throw error;
    throw unprotected(bucket.url, `${wanted}, and its lock cannot be read (${error.parts.why})`, error);
  }
  if (lock === undefined) throw unprotected(bucket.url, `${wanted}, and is not locked: no Object Lock is kept`);
  if (lock.mode === mode && lock.until >= until) return undefined;
  throw unprotected(bucket.url, `${wanted}, and is locked until ${lock.until.toISOString()} (${lock.mode})`);
}

/** An answer that is neither success nor a refusal says nothing: it is thrown. */
async function mustNotBeRemoved(bucket: LockProofDeps["bucket"], { key, version }: Stored): Promise<void> {
  try {
    await bucket.remove(key, version);
  } catch (error) {
    if (error instanceof BucketError && (error.kind === "locked" || error.kind === "denied")) return;
    throw error;
  }
  throw unprotected(
    bucket.url,
    `${JSON.stringify(key)} is said to be locked, and could be removed: locks are not kept`,
  );
}

/** Returns whether a server that answers does not know the request, or not for this bucket. */
function isAboutRequest({ kind }: BucketError): boolean {
  return kind === "other" || kind === "missing" || kind === "no-lock" || kind === "damaged";
}

function unprotected(what: string, why: string, cause?: unknown): Failure {
  const remedy =
    "use a bucket that was created with Object Lock and versioning, on a service that keeps locks; see docs/retention.md";
  return new Failure({ doing: "rely on the locks of", what, why, remedy, cause });
}

/** Some servers keep no fractions of seconds. */
function wholeSecond(time: number): Date {
  return new Date(Math.ceil(time / 1000) * 1000);
}
