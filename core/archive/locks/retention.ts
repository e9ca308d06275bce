/** How long a run's objects are to be kept. */
import type { Retention } from "../../bucket/contract.ts";
import type { LockMode } from "../../format/lock-mode.ts";

const day = 24 * 60 * 60 * 1000;
/** Locks reach so far beyond the promise that daily runs extend an object about weekly. */
const slackDays = 7;
/** What is locked for less than this is not built upon: it could lapse before the run ends. */
const leastDays = 2;

export type RetentionPlan = {
  /** What the manifest promises: all that it needs is locked at least until then. */
  readonly promise: Date;
  /** What new objects are locked to, and old ones extended to. */
  readonly retention: Retention;
  /** Objects whose lock ends before this count as unknown. */
  readonly least: Date;
};

export function planRetention(start: Date, daysRetained: number, mode: LockMode): RetentionPlan {
  return {
    promise: after(start, daysRetained),
    retention: { mode, until: after(start, daysRetained + slackDays) },
    least: leastLock(start),
  };
}

/** Objects whose lock ends before this count as unknown to a run that starts at `start`. */
export function leastLock(start: Date): Date {
  return after(start, leastDays);
}

function after(start: Date, days: number): Date {
  return new Date(start.getTime() + days * day);
}
