/** Computes what a backup costs: its measures, what is done with them, and the bill for that in each storage class. */
import { day } from "../format/day.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import { type Bill, billOf } from "./bill.ts";
import { type Cold, coldOf } from "./cold.ts";
import { type CostFigures, figuresOf, type Layout, runsWithNews } from "./figures.ts";
import type { Measured } from "./measure.ts";
import type { PriceTable, StorageClass } from "./prices.ts";
import { type Requests, type ResourceUse, type ResourceUses, slackDays, usesOf } from "./uses.ts";

export type Priced = {
  readonly requests: Requests;
  readonly stored: number;
  readonly read: number;
  readonly bill: Bill;
};

/** A price for each of `ResourceUses`. */
export type Estimate = { readonly [Kind in keyof ResourceUses]: Priced };

export type ClassCost = { readonly name: string; readonly layouts: { readonly [Kind in Layout]: Estimate } };

export type Cost = {
  readonly backups: number;
  /** How many runs the new bytes of a run are a mean of; 0 if there is only one backup. */
  readonly runsMeasured: number;
  readonly from: string;
  readonly to: string;
  readonly layout: Manifest["header"]["layout"];
  readonly figures: { readonly [Kind in Layout]: CostFigures };
  /** Bundles, which are in none of the other figures. */
  readonly cold: Cold;
  /** Classes in the order of the price table. */
  readonly classes: readonly [ClassCost, ...ClassCost[]];
};

/** A month of daily runs. */
const mostRuns = 30;

/** Returns undefined if no backup could be read. `daysThawed`: how long a restore keeps what it thaws. */
export function costOfBackups(
  { history, backups, newest, oldest }: Measured,
  prices: PriceTable,
  daysThawed: number,
): Cost | undefined {
  if (newest === undefined || oldest === undefined) return undefined;
  const measured = Math.min(mostRuns, backups - 1);
  const window = { newest: backups, since: backups - measured };
  const { started, retain_until, layout } = newest.header;
  const runs = {
    measured,
    withNews: runsWithNews(history, window),
    daysKept: (Date.parse(retain_until) - Date.parse(started)) / day + slackDays,
  };
  const priced = (storageClass: StorageClass): ClassCost => {
    const estimate = (kind: Layout) => {
      const figures = figuresOf(history, kind, window, storageClass.least_bytes);
      return estimated(usesOf(figures, { ...runs, leastDays: storageClass.least_days }), storageClass, prices);
    };
    return { name: storageClass.name, layouts: both(estimate) };
  };
  const [first, ...others] = prices.classes;
  return {
    backups,
    runsMeasured: measured,
    from: oldest.header.started,
    to: started,
    layout,
    figures: both((kind) => figuresOf(history, kind, window, 0)),
    cold: coldOf(history, backups, daysThawed, prices),
    classes: [priced(first), ...others.map(priced)],
  };
}

function both<T>(compute: (layout: Layout) => T): { readonly [Kind in Layout]: T } {
  return { "as it is": compute("as it is"), "one object a file": compute("one object a file") };
}

function estimated(
  { nothing, run, month, restore }: ResourceUses,
  storageClass: StorageClass,
  prices: PriceTable,
): Estimate {
  const priced = (use: ResourceUse): Priced => ({ ...use, bill: billOf(use, storageClass, prices) });
  return { nothing: priced(nothing), run: priced(run), month: priced(month), restore: priced(restore) };
}
