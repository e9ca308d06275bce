/** Computes what a backup from nothing, a daily run, a month and a full restore use of a bucket. Pure: sums in, sums out. */
import type { CostFigures } from "./figures.ts";

/** Requests, by what they cost. Means over runs need not be whole. */
export type Requests = { readonly put: number; readonly extend: number; readonly get: number; readonly list: number };

export type ResourceUse = {
  readonly requests: Requests;
  /** Bytes stored for a month. */
  readonly stored: number;
  /** Bytes read, which leave for the internet. */
  readonly read: number;
};

export type ResourceUses = {
  readonly nothing: ResourceUse;
  readonly run: ResourceUse;
  readonly month: ResourceUse;
  readonly restore: ResourceUse;
};

export type Runs = {
  /** How many runs `added` is about, and how many of these added to the index. */
  readonly measured: number;
  readonly withNews: number;
  /** Days that an object stays at least: its lock, slack included. */
  readonly daysKept: number;
  /** Days that the provider charges for at least. */
  readonly leastDays: number;
};

/** A lock reaches a week beyond the promise, so that daily runs extend each object that they need every eighth day. */
export const slackDays = 7;
export const daysPerExtension = slackDays + 1;
/** The index and the verified objects. */
const listsPerRun = 2;

export const runsPerMonth = 30;
/** A run puts an index object at least so often. */
const bytesPerIndex = 4 * 1024 ** 3;

export function usesOf(figures: CostFigures, runs: Runs): ResourceUses {
  const run = runOf(figures, runs);
  return {
    nothing: { requests: fromNothing(figures), stored: 0, read: 0 },
    run: { requests: run, stored: 0, read: 0 },
    month: { requests: times(run, runsPerMonth), stored: storedInMonth(figures, runs), read: 0 },
    restore: restoreOf(figures),
  };
}

/** Requests of a first backup. Its manifests are its parts and its root. */
function fromNothing({ content, manifests, dumps }: CostFigures): Requests {
  const index = Math.max(1, Math.ceil(content.live.bytes / bytesPerIndex));
  return {
    put: content.live.puts + manifests.live.puts + dumps.live.puts + index,
    extend: 0,
    get: 0,
    list: listsPerRun,
  };
}

function runOf({ content, manifests, dumps }: CostFigures, { measured, withNews }: Runs): Requests {
  const added = measured === 0 ? 1 : content.added.puts + manifests.added.puts + dumps.added.puts + withNews;
  // All but the root, which is new each time, as dumps are.
  const extendable = content.live.objects + Math.max(0, manifests.live.objects - 1);
  return { put: added / Math.max(1, measured), extend: extendable / daysPerExtension, get: 0, list: listsPerRun };
}

/** Adds what is stored now, what the month's runs add to it on average, and what is charged after it is gone. */
function storedInMonth({ content, manifests, dumps }: CostFigures, { measured, daysKept, leastDays }: Runs): number {
  const groups = [content, manifests, dumps];
  const kept = groups.reduce((sum, group) => sum + group.kept.billed, 0);
  const perRun = groups.reduce((sum, group) => sum + group.added.billed, 0) / Math.max(1, measured);
  const growth = (perRun * runsPerMonth) / 2;
  // Each month as much goes as comes, and what goes too early is charged for the days that it lacks.
  const goneEarly = perRun * Math.max(0, leastDays - daysKept);
  return Math.round(kept + growth + goneEarly);
}

/** Uses of a full restore: a request to find the newest backup, one for each object of its manifest, and the content. */
function restoreOf({ manifests, dumps, reads }: CostFigures): ResourceUse {
  const get = reads.requests + manifests.live.objects + dumps.live.objects;
  const read = reads.bytes + manifests.live.bytes + dumps.live.bytes;
  return { requests: { put: 0, extend: 0, get, list: 1 }, stored: 0, read };
}

function times({ put, extend, get, list }: Requests, factor: number): Requests {
  return { put: put * factor, extend: extend * factor, get: get * factor, list: list * factor };
}
