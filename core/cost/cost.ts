/** What a backup costs: its measures, what is done with them, and the bill for that in each storage class. */
import type { Manifest } from "../format/manifest.ts";
import { type Bill, billOf } from "./bill.ts";
import { type Figures, figuresOf, type Layout, runsWithNews } from "./figures.ts";
import type { Measured } from "./measure.ts";
import type { PriceTable, StorageClass } from "./prices.ts";
import { type Requests, slackDays, type Use, type Uses, usesOf } from "./uses.ts";

export type Priced = {
  readonly requests: Requests;
  readonly stored: number;
  readonly read: number;
  readonly bill: Bill;
};

/** One for each of `Uses`. */
export type Estimate = { readonly [Kind in keyof Uses]: Priced };

export type ClassCost = { readonly name: string; readonly layouts: { readonly [Kind in Layout]: Estimate } };

export type Cost = {
  readonly backups: number;
  /** How many runs the new bytes of a run are a mean of; 0 where there is one backup only. */
  readonly runsMeasured: number;
  readonly from: string;
  readonly to: string;
  readonly layout: Manifest["header"]["layout"];
  readonly figures: { readonly [Kind in Layout]: Figures };
  /** In the order of the price table. */
  readonly classes: readonly [ClassCost, ...ClassCost[]];
};

/** A month of daily runs. */
const mostRuns = 30;
const day = 24 * 60 * 60 * 1000;

/** Undefined where no backup could be read. */
export function costOfBackups({ history, backups, newest, oldest }: Measured, prices: PriceTable): Cost | undefined {
  if (newest === undefined || oldest === undefined) return undefined;
  const measured = Math.min(mostRuns, backups - 1);
  const window = { newest: backups, since: backups - measured };
  const { started, retain_until, layout } = newest.header;
  const runs = {
    measured,
    withNews: runsWithNews(history, window),
    daysKept: (Date.parse(retain_until) - Date.parse(started)) / day + slackDays,
  };
  const priced = (of: StorageClass): ClassCost => {
    const estimate = (kind: Layout) => {
      const figures = figuresOf(history, kind, window, of.least_bytes);
      return estimated(usesOf(figures, { ...runs, leastDays: of.least_days }), of, prices);
    };
    return { name: of.name, layouts: both(estimate) };
  };
  const [first, ...others] = prices.classes;
  return {
    backups,
    runsMeasured: measured,
    from: oldest.header.started,
    to: started,
    layout,
    figures: both((kind) => figuresOf(history, kind, window, 0)),
    classes: [priced(first), ...others.map(priced)],
  };
}

function both<T>(of: (layout: Layout) => T): { readonly [Kind in Layout]: T } {
  return { "as it is": of("as it is"), "one object a file": of("one object a file") };
}

function estimated({ nothing, run, month, restore }: Uses, of: StorageClass, prices: PriceTable): Estimate {
  const priced = (use: Use): Priced => ({ ...use, bill: billOf(use, of, prices) });
  return { nothing: priced(nothing), run: priced(run), month: priced(month), restore: priced(restore) };
}
