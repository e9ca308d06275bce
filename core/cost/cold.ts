/** What bundles cost: each lies in a storage class of its own, beside everything else, and some must be thawed for a restore. */
import {
  type ArchiveTier,
  type BundleClass,
  storageClasses,
  type ThawSpeed,
  thawSpeeds,
} from "../format/storage-class.ts";
import type { History } from "./history.ts";
import { costOf, type Nano } from "./money.ts";
import type { PriceTable, StorageClass } from "./prices.ts";
import { thawBill } from "./thaw-bill.ts";
import { daysPerExtension, runsPerMonth } from "./uses.ts";

type ColdSum = { readonly objects: number; readonly bytes: number };

/** Bundles of a class. `name`: as the price table has it. Without prices there is no cost. */
type ColdClass = {
  readonly storageClass: BundleClass;
  readonly name: string;
  /** Needed by any backup, and by the newest. */
  readonly kept: ColdSum;
  readonly live: ColdSum;
  /** Storing all for a month, and extending the locks of those that the newest backup needs. */
  readonly month: Nano | undefined;
  /** Reading all that the newest backup needs, and sending it out to the internet; thawing is not in it. */
  readonly restore: Nano | undefined;
};

export type Cold = {
  /** Those that are in use. */
  readonly classes: readonly ColdClass[];
  /** What it costs to thaw all that the newest backup needs, by each speed that there is; empty if nothing is frozen. */
  readonly thaw: readonly { readonly speed: ThawSpeed; readonly cost: Nano }[];
};

/** `newest`: number of the newest backup. `days`: how long thawed copies are kept. */
export function coldOf(history: History, newest: number, days: number, prices: PriceTable): Cold {
  const classes = storageClasses.flatMap((storageClass) => {
    const kept = history.bundlesIn(storageClass, 0);
    if (kept.objects === 0) return [];
    const live = history.bundlesIn(storageClass, newest);
    const price = [...prices.classes, ...(prices.archives ?? [])].find((one) => one.storage_class === storageClass);
    const costs = {
      month: price && monthOf(history, { storageClass, live }, price, prices),
      restore: price && restoreOf(live, price, prices),
    };
    return [{ storageClass, name: price?.name ?? storageClass, kept, live, ...costs }];
  });
  return { classes, thaw: thawOf(classes, days, prices) };
}

const perPrice = 1000;

function monthOf(
  history: History,
  { storageClass, live }: Pick<ColdClass, "storageClass" | "live">,
  price: StorageClass,
  { bytes_per_gb }: PriceTable,
): Nano {
  const billed = history.billedIn(storageClass, price.least_bytes, price.extra_bytes ?? 0);
  const extended = (live.objects * runsPerMonth) / daysPerExtension;
  return costOf(billed, price.storage, bytes_per_gb) + costOf(extended, price.put, perPrice);
}

function restoreOf({ objects, bytes }: ColdSum, price: StorageClass, { bytes_per_gb, egress }: PriceTable): Nano {
  return costOf(objects, price.get, perPrice) + costOf(bytes, price.retrieval + egress, bytes_per_gb);
}

function thawOf(classes: readonly ColdClass[], days: number, prices: PriceTable): Cold["thaw"] {
  const frozen = classes.flatMap(({ storageClass, live }) => {
    const tier = tierOf(storageClass);
    return tier === undefined || live.objects === 0 ? [] : [{ tier, ...live }];
  });
  if (frozen.length === 0) return [];
  return thawSpeeds.flatMap((speed) => {
    const cost = thawBill(frozen, speed, days, prices);
    return cost === undefined ? [] : [{ speed, cost }];
  });
}

function tierOf(storageClass: BundleClass): ArchiveTier | undefined {
  return storageClass === "GLACIER" || storageClass === "DEEP_ARCHIVE" ? storageClass : undefined;
}
