/** Formats the requests of a run, for its closing summary. */
import type { Counts } from "../../core/bucket/decorators/count.ts";
import type { TableCounts } from "../../core/table/contract.ts";
import { count } from "../terminal/format.ts";

/** Requests of a run: to the bucket, and to tables. */
export type RunRequests = { readonly counts: Counts; readonly table: TableCounts };

/** Requests to tables of DynamoDB, if there were any. Goes behind `requestsLine`. */
export function tableWords({ requests, read, written }: TableCounts): string {
  if (requests === 0) return "";
  return `, ${count(requests)} to tables (${count(read)} items looked up, ${count(written)} put)`;
}

/** Requests by kind, without the kinds that did not occur. */
export function requestsLine({ put, get, head, list, extend, remove }: Counts): string {
  const kinds = Object.entries({ put, get, head, list, extend, remove }).filter(([, number]) => number > 0);
  return kinds.length === 0 ? "none" : kinds.map(([kind, number]) => `${count(number)} ${kind}`).join(", ");
}
