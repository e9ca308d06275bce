import { expect, test } from "bun:test";
import { RateLimit } from "../../../../core/bucket/decorators/rate-limit.ts";
import type { Timetable } from "../../../../core/timetable.ts";

const slice = 64 * 1024;

/** Time that moves only when it is slept through, each sleep later than asked by `late` milliseconds. */
function clock(late = 0) {
  let time = new Date(2026, 10, 2, 12).getTime();
  const began = time;
  return {
    tools: {
      now: () => new Date(time),
      async sleep(milliseconds: number) {
        const end = time + milliseconds + late;
        await Bun.sleep(0);
        time = Math.max(time, end);
      },
    },
    set: (date: Date) => {
      time = date.getTime();
    },
    seconds: () => (time - began) / 1000,
  };
}

const always = (rate: number): Timetable => [{ minute: 0, rate }];

test("bytes move at the rate, whether timers are exact or late", async () => {
  for (const late of [0, 40]) {
    for (const rate of [slice, 1024 ** 2, 100 * 1024 ** 2]) {
      const { tools, seconds } = clock(late);
      const limit = new RateLimit(always(rate), tools);
      for (let moved = 0; moved < 20 * rate; moved += slice) await limit.take(slice);
      expect(seconds()).toBeGreaterThan(19.5);
      expect(seconds()).toBeLessThan(20.5);
    }
  }
});

test("callers side by side share one rate, and are served in their order", async () => {
  const { tools, seconds } = clock();
  const limit = new RateLimit(always(slice), tools);
  const order: number[] = [];
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((one) => limit.take(slice).then(() => void order.push(one))));
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(seconds()).toBeGreaterThan(7.5);
  expect(seconds()).toBeLessThan(8.5);
});

test("time without use cannot be made up for later", async () => {
  const { tools, set } = clock();
  const limit = new RateLimit(always(slice), tools);
  await limit.take(slice);
  const later = new Date(2026, 10, 2, 18);
  set(later);
  for (let taken = 0; taken < 10; taken++) await limit.take(slice);
  expect(tools.now().getTime() - later.getTime()).toBeGreaterThan(9_500);
});

test("a change of the timetable takes effect while bytes move", async () => {
  const { tools, seconds } = clock();
  const noon = (24 + 12) * 60;
  const limit = new RateLimit(
    [
      { minute: noon, rate: slice },
      { minute: noon + 1, rate: 4 * slice },
      { minute: noon + 2, rate: undefined },
    ],
    tools,
  );
  let moved = 0;
  for (; seconds() < 118; moved++) await limit.take(slice);
  expect(moved).toBeGreaterThan(60 + 4 * 58 - 4);
  expect(moved).toBeLessThan(60 + 4 * 58 + 4);
  while (seconds() < 120) await limit.take(slice);
  const then = seconds();
  for (let more = 0; more < 10_000; more++) await limit.take(slice);
  expect(seconds()).toBe(then);
});

test("a clock that is set back does not stop what is limited", async () => {
  const { tools, set } = clock();
  const limit = new RateLimit(always(slice), tools);
  await limit.take(slice);
  const back = new Date(2026, 10, 2, 9);
  set(back);
  await limit.take(slice);
  expect(tools.now().getTime() - back.getTime()).toBeLessThan(2_000);
});

test("a wait that is broken off rejects, and those behind it still keep to the rate", async () => {
  const { tools, seconds } = clock();
  const stopped = new Error("stopped");
  let broken = false;
  const sleep = (milliseconds: number) => {
    if (broken) return tools.sleep(milliseconds);
    broken = true;
    return Promise.reject(stopped);
  };
  const limit = new RateLimit(always(slice), { now: tools.now, sleep });
  expect(await limit.take(slice).catch((error: unknown) => error)).toBe(stopped);
  for (let taken = 0; taken < 5; taken++) await limit.take(slice);
  expect(seconds()).toBeGreaterThan(4.5);
  expect(seconds()).toBeLessThan(6.5);
});
