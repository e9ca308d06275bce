/** The rules of Object Lock, also for buckets without a server that enforces them. */
import { BucketError, type Retention } from "./contract.ts";

/** Throws `other` for a lock that does not end in the future, as S3 does. */
export function checkRetention(what: string, { until }: Retention, now: Date): void {
  if (until > now) return;
  const why = `the retain-until date ${Number.isNaN(until.getTime()) ? "is not a date" : `${until.toISOString()} has passed`}`;
  throw new BucketError("other", { doing: "lock", what, why, remedy: "check days_retained and this machine's clock" });
}

/** Throws for a date before the lock's: `locked`, or `denied` if the lock is of a weaker mode than the wanted one. */
export function refuseShorter(what: string, has: Retention, wanted: Retention): void {
  if (wanted.until >= has.until) return;
  const kind = wanted.mode === "COMPLIANCE" && has.mode !== wanted.mode ? "denied" : "locked";
  const why = `it is locked until ${has.until.toISOString()} (${has.mode})`;
  throw new BucketError(kind, { doing: "change the lock of", what, why, remedy: "a lock can only become longer" });
}

/** Returns whether a lock keeps as long and as firmly as the wanted one. Services keep dates to the second. */
export function isEnough(has: Retention, wanted: Retention): boolean {
  const seconds = ({ until }: Retention) => Math.floor(until.getTime() / 1000);
  return seconds(has) >= seconds(wanted) && (has.mode === "COMPLIANCE" || wanted.mode === "GOVERNANCE");
}

/** Throws `locked` if the lock has not ended. */
export function refuseLocked(what: string, { until }: Retention, now: Date): void {
  if (until <= now) return;
  throw new BucketError("locked", {
    doing: "remove",
    what,
    why: `it is locked until ${until.toISOString()}`,
    remedy: "wait until then",
  });
}
