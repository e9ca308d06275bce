import { describe, expect, test } from "bun:test";
import type { FileEntry, ObjectRef } from "../../../core/format/entries/entry.ts";
import type { Job } from "../../../restore/entries/job.ts";
import { groupsOf, planOf, readsOf } from "../../../restore/fetching/plan.ts";
import { file } from "../support.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

type Place = readonly [object: number, frameOffset: number];

function job(path: string, places: readonly Place[]): Job {
  const { head } = file(path, "");
  const extents = places.map(([object, frameOffset]) => {
    return { object, frameOffset, frameLength: 100, offset: 0, length: 7, sha256: "" };
  });
  const entry = { ...head, extents } as FileEntry;
  const content = { ...entry, from: 0 };
  const begun = { open: undefined, pending: places.length, over: false, done: new Set<number>() };
  return { entry, content, objects: [], of: undefined, runs: undefined, ...begun };
}

const pack = (key: string): ObjectRef => ({ key, version: "1", size: 1000, encoding: "frames" });

describe("plans", () => {
  test("each frame is there once, in order of offset, with its uses in order of the files", () => {
    const jobs = [
      job("/a", [[0, 500]]),
      job("/b", [
        [0, 100],
        [0, 500],
      ]),
      job("/c", [[1, 0]]),
    ];
    const plan = planOf(jobs, [pack("p"), pack("q")]);
    const brief = plan.map(({ object, frames }) => [
      object.key,
      frames.map(({ offset, uses }) => [offset, uses.map(({ job, position }) => [job.entry.path as string, position])]),
    ]);
    expect(brief).toEqual([
      [
        "p",
        [
          [100, [["/b", 0]]],
          [
            500,
            [
              ["/a", 0],
              ["/b", 7],
            ],
          ],
        ],
      ],
      ["q", [[0, [["/c", 0]]]]],
    ]);
  });

  test("files that stay open are never more than 128 in a group, others as many as there are", () => {
    const open = Array.from({ length: 600 }, (_, number) =>
      job(`/o${number}`, [
        [0, 0],
        [0, 100],
      ]),
    );
    const closed = Array.from({ length: 1000 }, (_, number) => job(`/c${number}`, [[0, 0]]));
    const sizes = [...groupsOf([...open, ...closed], [pack("p")])].map((group) => group.length);
    expect(sizes).toEqual([128, 128, 128, 128, 88 + 1000]);
  });
});

describe("reads", () => {
  const frames = (...places: [offset: number, length: number][]) =>
    places.map(([offset, length]) => ({ offset, length, uses: [] }));
  const brief = (list: ReturnType<typeof frames>) =>
    readsOf(list, true).map(({ start, length, frames }) => [start, length, frames.length]);

  test.each([
    ["neighbours are one", frames([0, 10], [10, 20]), [[0, 30, 2]]],
    ["a small gap is read along", frames([0, 10], [100 * KiB, 10]), [[0, 100 * KiB + 10, 2]]],
    [
      "a wide gap is not",
      frames([0, 10], [2 * MiB, 10]),
      [
        [0, 10, 1],
        [2 * MiB, 10, 1],
      ],
    ],
    [
      "a read ends at 8 MiB",
      frames([0, 5 * MiB], [5 * MiB, 5 * MiB]),
      [
        [0, 5 * MiB, 1],
        [5 * MiB, 5 * MiB, 1],
      ],
    ],
    ["a larger frame is read alone", frames([0, 20 * MiB]), [[0, 20 * MiB, 1]]],
    [
      "forged ones that overlap are apart",
      frames([0, 100], [50, 100]),
      [
        [0, 100, 1],
        [50, 100, 1],
      ],
    ],
  ])("reads: %s", (_, list, expected) => {
    expect(brief(list)).toEqual(expected);
  });
});
