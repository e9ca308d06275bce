import { describe, expect, test } from "bun:test";
import { applyPolicy, type Policy } from "../../../core/steward/policy.ts";

const span = (months: number, days: number) => ({ months, days, text: `${months}m${days}d` });

function backup(time: string) {
  return { key: time, time: new Date(time.length > 10 ? time : `${time}T02:00:00Z`) };
}

/** What is kept, with the reasons: `2026-11-21 last, daily`. */
function kept(times: readonly string[], policy: Policy): string[] {
  return applyPolicy(times.map(backup), policy).flatMap(({ backup: { key }, reasons }) => {
    return reasons.length > 0 ? [`${key} ${reasons.join(", ")}`] : [];
  });
}

describe("a policy keeps", () => {
  test("a policy keeps the last backups", () => {
    expect(kept(["2026-11-19", "2026-11-21", "2026-11-20"], { last: 2 })).toEqual([
      "2026-11-21 last",
      "2026-11-20 last",
    ]);
  });

  test("a policy keeps the newest of each day, over gaps, and the oldest of all if days are too few", () => {
    const times = ["2026-11-21T22:00:00Z", "2026-11-21T02:00:00Z", "2026-11-10", "2026-10-01T22:00:00Z", "2026-10-01"];
    expect(kept(times, { daily: 2 })).toEqual(["2026-11-21T22:00:00Z daily", "2026-11-10 daily"]);
    expect(kept(times, { daily: 3 }).at(-1)).toBe("2026-10-01T22:00:00Z daily");
    expect(kept(times, { daily: 4 }).at(-1)).toBe("2026-10-01 oldest daily");
  });

  test("days are those of UTC", () => {
    const times = ["2026-11-21T00:00:00+02:00", "2026-11-20T03:00:00+02:00"];
    expect(kept(times, { daily: 2 })).toEqual([`${times[0]} daily`, `${times[1]} oldest daily`]);
  });

  test("weeks begin on Monday, also over the turn of a year", () => {
    const sunday = "2027-01-03";
    const times = ["2027-01-04", sunday, "2026-12-28", "2026-12-27", "2026-12-26", "2026-12-25"];
    expect(kept(times, { weekly: 3 })).toEqual(["2027-01-04 weekly", `${sunday} weekly`, "2026-12-27 weekly"]);
  });

  test("a policy keeps the newest of each month and year", () => {
    const times = ["2026-02-01", "2026-01-31", "2026-01-01", "2025-12-31", "2025-01-31"];
    expect(kept(times, { monthly: 2 })).toEqual(["2026-02-01 monthly", "2026-01-31 monthly"]);
    expect(kept(times, { yearly: 2 })).toEqual(["2026-02-01 yearly", "2025-12-31 yearly"]);
  });

  test("a policy keeps what lies within a span before the newest, whenever that was", () => {
    const times = ["2020-11-21", "2020-11-14", "2020-11-13"];
    expect(kept(times, { within: span(0, 7) })).toEqual(["2020-11-21 within 0m7d", "2020-11-14 within 0m7d"]);
  });

  test("a span of months is one of the calendar, to their last day", () => {
    const times = ["2026-08-31", "2026-02-28", "2026-02-27"];
    expect(kept(times, { within: span(6, 0) })).toEqual(["2026-08-31 within 6m0d", "2026-02-28 within 6m0d"]);
  });

  test("a backup may be kept for several reasons", () => {
    expect(kept(["2026-11-21", "2026-11-20"], { last: 1, daily: 1, yearly: 5 })).toEqual([
      "2026-11-21 last, daily, yearly",
      "2026-11-20 oldest yearly",
    ]);
  });

  test("a policy keeps nothing of no backups", () => {
    expect(kept([], { daily: 3, within: span(0, 1) })).toEqual([]);
  });

  test("the later key of two of one second is the newer", () => {
    const time = new Date("2026-11-21T02:00:00Z");
    const both = [
      { key: "a", time },
      { key: "b", time },
    ];
    expect(applyPolicy(both, { daily: 1 }).map(({ backup: { key } }) => key)).toEqual(["b", "a"]);
  });
});

describe("with any policy and any history", () => {
  const rules = ["last", "daily", "weekly", "monthly", "yearly"] as const;

  /** The same sequence for the same seed. */
  function numbers(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }

  function cases(): { times: string[]; policy: Policy }[] {
    return Array.from({ length: 400 }, (_, seed) => {
      const random = numbers(seed + 1);
      const spread = [5, 60, 900][random(3)] ?? 5;
      const hours = Array.from({ length: 1 + random(60) }, () => random(spread * 24));
      const start = Date.UTC(2024, random(12), random(28));
      const times = [...new Set(hours)].map((hour) => new Date(start + hour * 3_600_000).toISOString());
      const policy = Object.fromEntries(rules.filter(() => random(2) === 0).map((rule) => [rule, 1 + random(9)]));
      const within =
        random(3) === 0 || Object.keys(policy).length === 0 ? { within: span(random(5), 1 + random(40)) } : {};
      return { times, policy: { ...policy, ...within } };
    });
  }

  const keys = (times: readonly string[], policy: Policy) =>
    kept(times, policy).map((line) => line.split(" ")[0] ?? "");

  test("the newest backup is kept", () => {
    for (const { times, policy } of cases()) expect(keys(times, policy)[0]).toBe(times.toSorted().at(-1) ?? "none");
  });

  test("more is kept if a rule is raised or added", () => {
    for (const { times, policy } of cases()) {
      const less = new Set(keys(times, policy));
      for (const rule of rules) {
        const more = new Set(keys(times, { ...policy, [rule]: (policy[rule] ?? 0) + 1 }));
        expect(less.isSubsetOf(more)).toBe(true);
      }
    }
  });

  test("what was kept is kept again by the same policy", () => {
    for (const { times, policy } of cases()) {
      const first = keys(times, policy);
      expect(keys(first, policy)).toEqual(first);
    }
  });
});
