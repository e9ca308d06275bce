/** Multiplies uses by prices. Pure. */
import { costOf, type Nano } from "./money.ts";
import type { PriceTable, StorageClass } from "./prices.ts";
import type { ResourceUse } from "./uses.ts";

export type Bill = {
  readonly requests: Nano;
  readonly storage: Nano;
  /** What the class charges for reading. */
  readonly retrieval: Nano;
  /** What leaves for the internet. */
  readonly egress: Nano;
  readonly total: Nano;
};

const requestsPerPrice = 1000;

export function billOf(
  { requests: { put, extend, get, list }, stored, read }: ResourceUse,
  prices: StorageClass,
  { bytes_per_gb, egress }: Pick<PriceTable, "bytes_per_gb" | "egress">,
): Bill {
  const requests =
    costOf(put + extend, prices.put, requestsPerPrice) +
    costOf(get, prices.get, requestsPerPrice) +
    costOf(list, prices.list, requestsPerPrice);
  const amounts = {
    requests,
    storage: costOf(stored, prices.storage, bytes_per_gb),
    retrieval: costOf(read, prices.retrieval, bytes_per_gb),
    egress: costOf(read, egress, bytes_per_gb),
  };
  return { ...amounts, total: amounts.requests + amounts.storage + amounts.retrieval + amounts.egress };
}
