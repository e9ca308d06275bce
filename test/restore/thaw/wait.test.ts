/** How long a restore waits for thawing, and how often it asks. */
import { expect, test } from "bun:test";
import { BucketError } from "../../../core/bucket/contract.ts";
import { Failure } from "../../../core/failure.ts";
import { NeededObjects } from "../../../restore/thaw/needed.ts";
import { hoursToThaw, speedsOf } from "../../../restore/thaw/speeds.ts";
import { waitForAll } from "../../../restore/thaw/wait.ts";

const { signal } = new AbortController();
const frozen = { tier: "DEEP_ARCHIVE", thawing: true } as const;

/** Some frozen objects, and a bucket that says for `hours` that they are. */
function waiting(objects: number, hours: number) {
  const needed = new NeededObjects();
  let time = 0;
  let looks = 0;
  let beforeHead = () => {};
  const ready: string[] = [];
  for (let number = 0; number < objects; number += 1) {
    const object = { key: `bundles/${number}`, version: "1", size: 1 };
    needed.add(object);
    needed.frozen(object, frozen, 1);
  }
  const tools = {
    bucket: {
      head: async (key: string, version = "1") => {
        looks += 1;
        beforeHead();
        const archived = time < hours * 3_600_000 ? { archived: frozen } : {};
        return { key, version, size: 1, metadata: {}, retention: undefined, legalHold: false, ...archived };
      },
    },
    now: () => new Date(time),
    sleep: async (milliseconds: number) => {
      time += milliseconds;
    },
    onReady: ({ key }: { readonly key: string }) => void ready.push(key),
    signal,
  };
  return {
    ready,
    run: (longest: number, before = () => {}) => {
      beforeHead = before;
      return waitForAll(needed, longest, tools);
    },
    looks: () => looks,
    [Symbol.dispose]: () => needed[Symbol.dispose](),
  };
}

test("a thousand objects that take twelve hours are asked for few times more than once each", async () => {
  using wait = waiting(1_000, 12);
  await wait.run(12);
  expect(wait.ready).toHaveLength(1_000);
  expect(wait.looks()).toBeLessThan(1_100);
});

test("after twice the usual time the wait ends, and says how to come back", async () => {
  using wait = waiting(2, 100);
  const error = await wait.run(48).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Failure);
  expect(String(error)).toContain(
    "cannot be read yet after 96 hours; come back later with `sysbackup restore --resume`",
  );
  expect(wait.ready).toEqual([]);
});

test("deep archive tiers have no expedited speed, and together tiers have the speeds that all have", () => {
  expect(speedsOf(["GLACIER"])).toEqual(["bulk", "standard", "expedited"]);
  expect(speedsOf(["GLACIER", "DEEP_ARCHIVE"])).toEqual(["bulk", "standard"]);
  expect(hoursToThaw(["GLACIER", "DEEP_ARCHIVE_ACCESS"], "standard")).toBe(12);
  expect(hoursToThaw(["DEEP_ARCHIVE"], "expedited")).toBeUndefined();
});

test("a server that is away for a while costs none of the hours that were waited", async () => {
  using wait = waiting(1, 2);
  let away = 3;
  await wait.run(5, () => {
    away -= 1;
    if (away > 0) throw new BucketError("unreachable", { doing: "look up", what: "it", why: "it does not answer" });
  });
  expect(wait.ready).toEqual(["bundles/0"]);
  expect(away).toBeLessThan(0);
});
