/** Files with more holes than one line can tell. */
import { describe, expect, test } from "bun:test";
import { holesBetween, joinedTo } from "../../../../core/archive/bundling/few-regions.ts";

/** `count` regions of a byte each, `gap` bytes apart. */
const dotted = (count: number, gap: number) => Array.from({ length: count }, (_, at) => [at * gap, 1] as const);

describe("regions of a bundle's file", () => {
  test("regions stay as they are while they are few", () => {
    expect(joinedTo(4, dotted(4, 10_000), 4)).toEqual(dotted(4, 10_000));
  });

  test("the smallest holes are read as zeros if there are too many, and larger ones stay", () => {
    const regions = [...dotted(8, 100), [1_000_000, 5] as const];
    const joined = joinedTo(4, regions, 1_000_000);
    expect(joined.length).toBeLessThanOrEqual(4);
    expect(joined.at(-1)).toEqual([1_000_000, 5]);
    expect(holesBetween(joined, 1_000_005).at(-1)).toEqual([701, 999_299]);
  });

  test("a file that would be read almost only as zeros is left out", () => {
    expect(() => joinedTo(4, dotted(100, 2 ** 30), 4_096)).toThrow("it has more holes than a bundle can tell apart");
  });
});
