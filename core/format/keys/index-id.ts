/**
 * The times in the keys of index objects and verified objects. Readers ask for what came since they last read, and anyone with
 * the right to put may make up a key: so one that is far ahead of the clock counts for nothing.
 */
import { day } from "../day.ts";
import { type RunId, stampOf, timeOfStamp } from "./keys.ts";

/** Returns whether a stamp is a real time that is not more than a day ahead: clocks may differ, but not by more. */
export function isTimely(stamp: string, now: Date): boolean {
  const time = timeOfStamp(stamp);
  return time !== undefined && time.getTime() <= now.getTime() + day;
}

/** Returns the last stamp that is timely. */
export function lastTimely(now: Date): string {
  return stampOf(new Date(now.getTime() + day));
}

/** Returns a stamp so old that nothing with an older one is put any more. */
export function settledBefore(now: Date): string {
  return stampOf(new Date(now.getTime() - day));
}

/**
 * Returns the id for the object that follows the one with the stamp `last`, so that they sort in the order in which they were
 * written: in the same second, or by a clock that was set back, it takes the next second.
 */
export function idAfter(last: string | undefined, id: RunId): RunId {
  if (last === undefined || !isTimely(last, id.start) || stampOf(id.start) > last) return id;
  const before = timeOfStamp(last) ?? id.start;
  return { ...id, start: new Date(before.getTime() + 1000) };
}
