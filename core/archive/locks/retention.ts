/** Plans how long a run's objects are to be kept. */

import type { Retention } from "../../bucket/contract.ts";
import { day } from "../../format/day.ts";
import type { LockMode } from "../../format/lock-mode.ts";

/** Locks reach so far beyond the promise that daily runs extend an object about weekly. */
const slackDays = 7;
/** Nothing is built upon an object whose lock ends sooner than this: it could expire before the run ends. */
const fewestDays = 2;

export type RetentionPlan = {
  /** What the manifest promises: all that it needs is locked at least until then. */
  readonly promisedUntil: Date;
  /** What new objects are locked to, and old ones extended to. */
  readonly retention: Retention;
  /** Objects whose lock ends before this count as unknown. */
  readonly minimumLockEnd: Date;
};

export function planRetention(start: Date, daysRetained: number, mode: LockMode): RetentionPlan {
  return {
    promisedUntil: after(start, daysRetained),
    retention: { mode, until: after(start, daysRetained + slackDays) },
    minimumLockEnd: minimumLockEnd(start),
  };
}

/** Objects whose lock ends before this count as unknown to a run that starts at `start`. */
export function minimumLockEnd(start: Date): Date {
  return after(start, fewestDays);
}

function after(start: Date, days: number): Date {
  return new Date(start.getTime() + days * day);
}
