import { describe, expect, test } from "bun:test";
import { dataRunsOf, placed } from "../../../restore/entries/holes.ts";

describe("where the data of a sparse file goes", () => {
  test.each([
    ["no holes", 10, [], [{ data: 0, file: 0, length: 10 }]],
    ["a hole at the start", 10, [[0, 4]], [{ data: 0, file: 4, length: 6 }]],
    ["a hole at the end", 10, [[4, 6]], [{ data: 0, file: 0, length: 4 }]],
    ["nothing but hole", 10, [[0, 10]], []],
    [
      "two holes that touch",
      20,
      [
        [2, 3],
        [5, 5],
      ],
      [
        { data: 0, file: 0, length: 2 },
        { data: 2, file: 10, length: 10 },
      ],
    ],
  ] as const)("where the data of a sparse file goes: %s", (_, size, holes, runs) => {
    expect(dataRunsOf({ from: 0, size, holes })).toEqual([...runs]);
  });

  const runs = dataRunsOf({
    from: 0,
    size: 40,
    holes: [
      [5, 5],
      [20, 10],
    ],
  });

  test.each([
    ["within a run", 1, 3, [{ data: 1, file: 1, length: 3 }]],
    [
      "over a hole",
      3,
      4,
      [
        { data: 3, file: 3, length: 2 },
        { data: 5, file: 10, length: 2 },
      ],
    ],
    [
      "over all",
      0,
      25,
      [
        { data: 0, file: 0, length: 5 },
        { data: 5, file: 10, length: 10 },
        { data: 15, file: 30, length: 10 },
      ],
    ],
    ["the last byte", 24, 1, [{ data: 24, file: 39, length: 1 }]],
    ["the first byte after a hole", 5, 1, [{ data: 5, file: 10, length: 1 }]],
  ])("where the data of a sparse file goes: %s", (_, start, length, expected) => {
    expect([...placed(runs, start, length)]).toEqual(expected);
  });
});
