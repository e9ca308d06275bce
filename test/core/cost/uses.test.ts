import { describe, expect, test } from "bun:test";
import { billOf } from "../../../core/cost/bill.ts";
import type { CostFigures, Group, Held } from "../../../core/cost/figures.ts";
import { builtInPrices } from "../../../core/cost/prices.ts";
import { usesOf } from "../../../core/cost/uses.ts";

const held = (objects: number, bytes = 0): Held => ({ objects, puts: objects, bytes, billed: bytes });
const group = (live: Held, kept: Held, added: Held): Group => ({ live, kept, added });

/** Ten packs, of which two came in the last ten runs; two parts and a root, one of each new in each run. */
const figures: CostFigures = {
  content: group(held(10, 160e6), held(12, 200e6), held(2, 30e6)),
  manifests: group(held(3, 3_000), held(31, 40_000), held(20, 20_000)),
  dumps: group(held(1, 500), held(11, 5_500), held(10, 5_000)),
  reads: { requests: 25, bytes: 150e6 },
};
const runs = { measured: 10, withNews: 10, daysKept: 37, leastDays: 0 };

describe("what is used", () => {
  const uses = usesOf(figures, runs);

  test("a backup from nothing puts all that it needs, and an index object", () => {
    expect(uses.nothing.requests).toEqual({ put: 10 + 3 + 1 + 1, extend: 0, get: 0, list: 2 });
  });

  test("a run is the mean of those measured; each lock that it needs is extended every eighth day", () => {
    expect(uses.run.requests).toEqual({ put: (2 + 20 + 10 + 10) / 10, extend: (10 + 2) / 8, get: 0, list: 2 });
  });

  test("a month is thirty runs, and stores what is kept and half of what comes", () => {
    expect(uses.month.requests).toEqual({ put: 126, extend: 45, get: 0, list: 60 });
    expect(uses.month.stored).toBe(200e6 + 40_000 + 5_500 + (30e6 + 20_000 + 5_000) * 1.5);
  });

  test("a restore gets content, manifest and dumps once", () => {
    expect(uses.restore.requests).toEqual({ put: 0, extend: 0, get: 25 + 3 + 1, list: 1 });
    expect(uses.restore.read).toBe(150e6 + 3_000 + 500);
  });

  test("objects that expire before the provider's least days are charged for these", () => {
    const early = usesOf(figures, { ...runs, leastDays: 90 });
    expect(early.month.stored - uses.month.stored).toBe((3e6 + 2_500) * (90 - 37));
    expect(usesOf(figures, { ...runs, leastDays: 37 })).toEqual(uses);
  });

  test("a single backup shows no daily run: its root is put, its locks are extended", () => {
    const nothing = held(0);
    const { content, manifests, dumps, reads } = figures;
    const alone = {
      content: { ...content, added: nothing },
      manifests: { ...manifests, added: nothing },
      dumps: { ...dumps, added: nothing },
      reads,
    };
    const { run } = usesOf(alone, { ...runs, measured: 0, withNews: 0 });
    expect(run.requests).toEqual({ put: 1, extend: 1.5, get: 0, list: 2 });
  });
});

test("a bill multiplies uses by prices", () => {
  const prices = builtInPrices();
  const [, infrequent] = prices.classes;
  if (infrequent === undefined) throw new Error("there is no second class");
  const use = { requests: { put: 900, extend: 100, get: 2_000, list: 1_000 }, stored: 2 ** 31, read: 2 ** 30 };
  expect(billOf(use, infrequent, prices)).toEqual({
    requests: 10_000_000n + 2_000_000n + 5_000_000n,
    storage: 25_000_000n,
    retrieval: 10_000_000n,
    egress: 90_000_000n,
    total: 142_000_000n,
  });
});
