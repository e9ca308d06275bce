/** Keys of index objects sort in the order in which they were written: readers ask for those after the last that they know. */
import { keys, parseIndexKey, type RunId, timeOfStamp } from "./keys.ts";

/**
 * The id for the index object that follows the one with the key `last`. One that is written in the same second, or by a clock
 * that was set back, takes the next second. Undefined if `last` is no key of an index object.
 */
export function idAfter(last: string | undefined, name: string, id: RunId): RunId | undefined {
  if (last === undefined || keys.index(name, id) > last) return id;
  const stamp = parseIndexKey(last)?.stamp;
  const before = stamp === undefined ? undefined : timeOfStamp(stamp);
  return before && { ...id, start: new Date(before.getTime() + 1000) };
}
