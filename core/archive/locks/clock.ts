/** Compares the host's clock with the bucket's: a wrong one would lock too short, or be refused. */
import type { Notify } from "../../notice.ts";

/** Seconds. S3 itself refuses requests that are 15 minutes off. */
const tolerated = 60;

/**
 * Returns the whole seconds that the bucket is ahead; undefined if it has no clock. `host` is this host's time when the
 * bucket gave its own.
 */
export function clockSkew(host: Date, server: Date | undefined, notify: Notify): number | undefined {
  if (server === undefined) return undefined;
  const skew = Math.round((server.getTime() - host.getTime()) / 1000);
  if (Math.abs(skew) > tolerated) {
    const message = `this host's clock is ${Math.abs(skew)} s ${skew > 0 ? "behind" : "ahead of"} the bucket's; set it right`;
    notify({ level: "warning", code: "clock-skew", message });
  }
  return skew;
}

/** Returns what locks are counted from: the start by the later of both clocks, so that a slow one does not lock too short. */
export function startOfLocks(started: Date, skew = 0): Date {
  return new Date(started.getTime() + Math.max(0, skew) * 1000);
}
