/**
 * Forty days with every mishap in any test run; two years with SYSBACKUP_TEST_FULL=1. `bun run simulate SEED` lives other ones; a seed
 * has the same two years again.
 */
import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bucket, BucketError, type Retention } from "../../core/bucket/contract.ts";
import { noCounts } from "../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../core/bucket/wrap.ts";
import { scratch } from "../support/faults/scratch.ts";
import { full } from "../support/full.ts";
import { Figures, spaceOf } from "./figures.ts";
import { fortyDays, type Scenario, twoYears, twoYearsWithoutSteward, withoutSteward } from "./scenario.ts";
import { type Outcome, simulate } from "./simulation.ts";

const minutes = 60_000;
const seed = Number(process.env.SYSBACKUP_TEST_SEED ?? 1);
const page = join(import.meta.dir, "../../docs/simulation.md");

async function lived(scenario: Scenario, around?: (bucket: Bucket) => Bucket): Promise<Outcome> {
  await using dir = await scratch();
  return await simulate({ scenario, seed, folder: dir.path, print: () => {}, ...(around && { around }) });
}

/** Numbers are of a day and a machine; what they count is not. */
function shapeOf(line: string): string {
  return line.replace(/[\d.]*\d|NaN/g, "N").replace(/N(?:, N)+/g, "N");
}

const scenarios: readonly [name: string, scenario: Scenario, wanted: boolean][] = [
  ["forty days", fortyDays, true],
  ["two years", twoYears, full],
];

for (const [name, scenario, wanted] of scenarios) {
  if (!wanted) continue;
  test(
    `${name} of archives, prunes, renewals and mishaps: every kept backup restores, nothing locked is touched`,
    async () => {
      const { violations, figures } = await lived(scenario);
      console.log([`${name}, seed ${seed}`, ...figures.lines()].join("\n  "));
      expect(violations).toEqual([]);
      expect(figures.restores).toBe(scenario.days);
      expect(figures.backupsPruned).toBeGreaterThan(0);
      expect(figures.objectsPruned).toBeGreaterThan(0);
      expect(figures.renewals.total.extend).toBeGreaterThan(0);
      const { stored = 0, needed = 0 } = figures.space ?? {};
      expect(stored / needed).toBeLessThan(1.5);
    },
    60 * minutes,
  );
}

const withoutAny: typeof scenarios = [
  ["sixty days", withoutSteward, true],
  ["two years", twoYearsWithoutSteward, full],
];
for (const [name, scenario, wanted] of withoutAny) {
  if (!wanted) continue;
  test(
    `${name} in which nobody prunes and S3 removes what no lock holds: every promised or renewed backup restores, and the bucket stays small`,
    async () => {
      const { violations, figures } = await lived(scenario);
      console.log([`${name} without a steward, seed ${seed}`, ...figures.lines()].join("\n  "));
      expect(violations).toEqual([]);
      expect(figures.restores).toBe(scenario.days);
      expect(figures.backupsPruned).toBeGreaterThan(0);
      expect(figures.objectsPruned).toBeGreaterThan(0);
      expect(figures.renewals.total.extend).toBeGreaterThan(0);
      // No host has more than it promises, and a week.
      expect(figures.backupsThere).toBeLessThanOrEqual(scenario.hosts.length * (scenario.daysRetained + 1));
    },
    60 * minutes,
  );
}

test("docs/simulation.md has the figures that a simulation prints", async () => {
  const figures = new Figures();
  figures.archives.add(noCounts(), 0);
  figures.renewals.add(noCounts(), 0);
  figures.space = spaceOf(new Map(), [], new Date(0));
  const documented = (await readFile(page, "utf8")).split("\n").map(shapeOf);
  const printed = figures.lines().filter((line) => !line.startsWith("notices"));
  expect(printed.map(shapeOf).filter((line) => !documented.includes(line))).toEqual([]);
});

/** A bucket that says it has extended locks, also when it is asked for them, and has not. */
function withoutExtensions(bucket: Bucket): Bucket {
  const said = new Map<string, Retention>();
  return wrapBucket(bucket, {
    extend: async (key, version, retention) => void said.set(`${key} ${version}`, retention),
    retention: async (key, version) => said.get(`${key} ${version}`) ?? bucket.retention(key, version),
  });
}

/** Up to a prune beside which no archive runs. */
const oneHost: Scenario = { ...fortyDays, days: 28, hosts: fortyDays.hosts.slice(0, 1) };

describe("a simulation finds", () => {
  const faults: [name: string, around: (bucket: Bucket) => Bucket, reported: RegExp][] = [
    ["locks that were not extended", withoutExtensions, /needs .*, which is locked until/],
    [
      "what was not put",
      (bucket) =>
        wrapBucket(bucket, {
          put: async (key, body, options) =>
            key.startsWith("packs/")
              ? { key, version: "0".repeat(22), size: body.byteLength }
              : bucket.put(key, body, options),
        }),
      /cannot be read|no such object/,
    ],
    [
      "other bytes than were to be put",
      (bucket) =>
        wrapBucket(bucket, {
          put: (key, body, { sha256: _, ...options }) =>
            bucket.put(key, key.startsWith("packs/") ? body.toReversed() : body, options),
        }),
      /cannot be read/,
    ],
    [
      "a prune that leaves what it should remove",
      (bucket) =>
        wrapBucket(bucket, {
          remove: (key, version) =>
            key.startsWith("packs/")
              ? Promise.reject(new BucketError("locked", { doing: "remove", what: key, why: "it is locked" }))
              : bucket.remove(key, version),
        }),
      /is not needed, and was left/,
    ],
  ];
  test.each(faults)(
    "a simulation finds: %s",
    async (_, around, reported) => {
      const { violations } = await lived(oneHost, around);
      expect(violations).toContainEqual(expect.stringMatching(reported));
      expect(violations[0]).toMatch(new RegExp(`^seed ${seed}, day \\d+, [a-z]`));
    },
    60_000,
  );
});
