import { describe, expect, test } from "bun:test";
import { chooser, parseShare } from "../../../restore/verify/share.ts";

const now = new Date("2026-11-21T02:00:03Z");
const day = 24 * 3600 * 1000;
const keys = Array.from({ length: 2_000 }, (_, number) => `packs/${number}`);

describe("the share of objects that is read", () => {
  test("slices cover everything, each object once, evenly", () => {
    const slices = Array.from({ length: 7 }, (_, number) =>
      keys.filter(chooser(parseShare(`${number + 1}/7`, now), 0)),
    );
    expect(slices.flat().toSorted()).toEqual(keys.toSorted());
    for (const slice of slices) expect(Math.abs(slice.length - keys.length / 7)).toBeLessThan(60);
  });

  test("/7 on seven days in a row covers everything, over the end of a year too", () => {
    const runs = Array.from({ length: 7 }, (_, number) => {
      const today = new Date(Date.UTC(2026, 11, 28) + number * day);
      return keys.filter(chooser(parseShare("/7", today), 0));
    });
    expect(runs.flat().toSorted()).toEqual(keys.toSorted());
  });

  test("a share at random is about as large as asked for, and another each time", () => {
    const some = keys.filter(chooser(parseShare("25%", now), 1));
    expect(Math.abs(some.length - 500)).toBeLessThan(100);
    expect(keys.filter(chooser(parseShare("25%", now), 2))).not.toEqual(some);
    expect(keys.filter(chooser(parseShare("100%", now), 3))).toEqual(keys);
  });

  test.each(["0/7", "8/7", "1/0", "/0", "0%", "101%", "7", "a", "1/20000", "-1/7"])(
    "--read-data %p is refused",
    (written) => {
      expect(() => parseShare(written, now)).toThrow("write 2/7");
    },
  );
});
