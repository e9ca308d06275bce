/** Formats the requests of a run, for its closing summary. */
import type { Counts } from "../../core/bucket/decorators/count.ts";
import { count } from "../terminal/format.ts";

/** Requests by kind, without the kinds that did not occur. */
export function requestsLine({ put, get, head, list, extend, remove }: Counts): string {
  const kinds = Object.entries({ put, get, head, list, extend, remove }).filter(([, number]) => number > 0);
  return kinds.length === 0 ? "none" : kinds.map(([kind, number]) => `${count(number)} ${kind}`).join(", ");
}
