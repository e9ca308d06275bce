import { expect, test } from "bun:test";
import { day } from "../../../core/format/day.ts";
import { NewestRoots } from "../../../core/manifest/newest.ts";
import type { ListedRoot } from "../../../core/manifest/roots.ts";

const today = Date.parse("2026-11-25T02:00:00Z");

function root(run: string, stored: number): ListedRoot {
  const key = `manifests/web1/20261125T020000Z-${run}.jsonl.zst`;
  const listed = { name: "web1", stamp: "20261125T020000Z", run, size: 1, versions: [], count: 1, hidden: false };
  return { ...listed, key, stored: new Date(stored) };
}

test.each([
  { junk: 1_500, days: 1 },
  { junk: 5_000, days: 5 },
])("$junk junk roots of $days days hide no root of the day before, and a bounded number is tried", ({ junk, days }) => {
  const newest = new NewestRoots();
  newest.add(root("genuine", today - days * day));
  for (let number = 0; number < junk; number += 1) {
    newest.add(root(`junk${number}`, today + number - (number % days) * day));
  }
  const tried = newest.lastFirst();
  expect(tried.map(({ run }) => run)).toContain("genuine");
  expect(tried.length).toBeLessThanOrEqual(100 * days + 1);
});

test("roots are tried in the order in which the server stored them, the last first", () => {
  const newest = new NewestRoots();
  for (const hour of [3, 1, 2]) newest.add(root(`run${hour}`, today + hour * 3_600_000));
  expect(newest.lastFirst().map(({ run }) => run)).toEqual(["run3", "run2", "run1"]);
});
