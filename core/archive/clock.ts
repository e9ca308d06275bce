/** The host's clock against the bucket's: a wrong one would lock too short, or be refused. */
import type { Notify } from "../notice.ts";

/** Seconds. S3 itself refuses requests that are 15 minutes off. */
const tolerated = 60;

export type CheckedClock = {
  /** What locks are counted from: the later of both clocks, so that a slow one does not lock too short. */
  readonly base: Date;
  /** Seconds that the bucket is ahead; undefined where it did not tell. */
  readonly skew: number | undefined;
};

export function checkClock(host: Date, server: Date | undefined, notify: Notify): CheckedClock {
  if (server === undefined) return { base: host, skew: undefined };
  const skew = Math.round((server.getTime() - host.getTime()) / 1000);
  if (Math.abs(skew) > tolerated) {
    const message = `this host's clock is ${Math.abs(skew)} s ${skew > 0 ? "behind" : "ahead of"} the bucket's; set it right`;
    notify({ level: "warning", code: "clock-skew", message });
  }
  return { base: server > host ? server : host, skew };
}
