/** Says what is frozen, and what thawing it takes and costs. */
import type { Nano } from "../../core/cost/money.ts";
import { toDisplay } from "../../core/cost/money.ts";
import type { PriceTable } from "../../core/cost/prices.ts";
import { thawBill } from "../../core/cost/thaw-bill.ts";
import type { ThawSpeed } from "../../core/format/storage-class.ts";
import type { FrozenSum } from "../../restore/thaw/needed.ts";
import { speedsOf } from "../../restore/thaw/speeds.ts";
import { daysThawed } from "../../restore/thaw/thaw.ts";
import { bytes, count, counted } from "../terminal/format.ts";
import { thawTime } from "./thaw-time.ts";

/** Returns full sentences without final period. `speeds`: those that are spoken of; undefined for all that there are. */
export function quoteOf(sums: readonly FrozenSum[], prices: PriceTable, speeds?: readonly ThawSpeed[]): string {
  const tiers = sums.map(({ tier }) => tier);
  const offers = (speeds ?? speedsOf(tiers)).map((speed) => offerOf(sums, speed, prices));
  const { provider, region, as_of } = prices;
  const source = `prices of ${provider}, ${region}, as of ${as_of}: they change, see docs/cost.md`;
  const kept = `copies are kept for ${daysThawed} days, which is in the price`;
  return `${frozenText(sums)}; thawing takes ${offers.join(", or ")} (${source}; ${kept})`;
}

function frozenText(sums: readonly FrozenSum[]): string {
  const all = sums.map(({ tier, objects, bytes: size, thawing }) => {
    const already = thawing === 0 ? "" : `, ${count(thawing)} being thawed already`;
    return `${counted(objects, "object")} (${bytes(size)}) in ${tier}${already}`;
  });
  return `frozen, and needed here: ${all.join(", ")}`;
}

/** Returns the question before money is spent; undefined if all of it is being thawed already. */
export function thawQuestion(sums: readonly FrozenSum[], speed: ThawSpeed, prices: PriceTable): string | undefined {
  const left = unaskedOf(sums);
  const objects = left.reduce((sum, one) => sum + one.objects, 0);
  if (objects === 0) return undefined;
  const size = left.reduce((sum, one) => sum + one.bytes, 0);
  return `Thaw ${counted(objects, "object")} (${bytes(size)}) by ${speed}, ${costOf(sums, speed, prices)}?`;
}

/** Returns what is not being thawed yet. */
function unaskedOf(sums: readonly FrozenSum[]) {
  return sums.map(({ objects, thawing, ...sum }) => {
    const left = objects - thawing;
    return { ...sum, objects: left, bytes: objects === 0 ? 0 : Math.round((sum.bytes * left) / objects) };
  });
}

function costOf(sums: readonly FrozenSum[], speed: ThawSpeed, prices: PriceTable): string {
  const cost = thawBill(unaskedOf(sums), speed, daysThawed, prices);
  return cost === undefined ? "at an unknown price" : `for about ${priceOf(cost, prices)}`;
}

function offerOf(sums: readonly FrozenSum[], speed: ThawSpeed, prices: PriceTable): string {
  const tiers = sums.map(({ tier }) => tier);
  const cost = thawBill(unaskedOf(sums), speed, daysThawed, prices);
  const price = cost === undefined ? "at an unknown price" : `about ${priceOf(cost, prices)}`;
  return `up to ${thawTime(tiers, speed)} and costs ${price} by --thaw ${speed}`;
}

function priceOf(money: Nano, { currency }: PriceTable): string {
  return currency === "USD" ? `$${toDisplay(money)}` : `${toDisplay(money)} ${currency}`;
}
