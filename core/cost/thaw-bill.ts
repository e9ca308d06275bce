/** What it costs to thaw objects. Pure. */
import type { ArchiveTier, ThawSpeed } from "../format/storage-class.ts";
import { costOf, type Nano } from "./money.ts";
import type { PriceTable } from "./prices.ts";

/** Objects of a tier, all together. */
export type ToThaw = { readonly tier: ArchiveTier; readonly objects: number; readonly bytes: number };

const requestsPerPrice = 1000;
const daysPerMonth = 30;

/** Returns undefined if the table has no price for one of the tiers at that speed. `days`: how long the copies are kept. */
export function thawBill(
  groups: readonly ToThaw[],
  speed: ThawSpeed,
  days: number,
  prices: Pick<PriceTable, "thaw" | "bytes_per_gb" | "classes">,
): Nano | undefined {
  let total: Nano = 0n;
  for (const { tier, objects, bytes } of groups) {
    const price = prices.thaw?.find((one) => one.tier === tier)?.[speed];
    if (price === undefined) return undefined;
    total += costOf(objects, price.requests, requestsPerPrice) + costOf(bytes, price.gb, prices.bytes_per_gb);
    // What was in an archive tier of INTELLIGENT_TIERING moves, so it is stored only once.
    if (tier === "GLACIER" || tier === "DEEP_ARCHIVE")
      total += costOf((bytes * days) / daysPerMonth, prices.classes[0].storage, prices.bytes_per_gb);
  }
  return total;
}
