import { expect, test } from "bun:test";
import type { TraceEvent } from "../../support/trace-events.ts";
import { accountOf } from "./account.ts";
import { tracedTable, writers } from "./table.ts";
import { watchThreads } from "./threads.ts";

const span = (name: string, ts: number, args = {}): TraceEvent => ({ name, ph: "X", ts, dur: 1, pid: 1, tid: 0, args });

const thread = (name: string, seen: readonly (readonly [number, number])[], kernel = 0) => ({
  process: "sysbackup",
  name,
  isMain: false,
  kernel,
  seen: seen.map(([moment, cpu]) => ({ moment, cpu })),
});

/** Ten seconds on two cores. `main` works for all of them, `other` from the second one to the eighth, and then it is gone. */
const seen = {
  seconds: 10,
  cpu: 16,
  threads: [
    thread(
      "main",
      [
        [5, 5],
        [10, 10],
      ],
      0.5,
    ),
    thread(writers, [
      [2, 0],
      [8, 6],
    ]),
  ],
};

const about = {
  phase: "restore",
  tool: "sysbackup",
  cores: 2,
  columns: [{ name: "start" }, { name: "files", from: "files" }, { name: "never", from: "never" }],
  who: ({ name }: { readonly name: string }) => name,
} as const;

test("processor time is accounted to threads and to the steps of the trace in which it was taken", () => {
  const events = [span("files", 4e6), span("files", 6e6)];
  const { steps, rows, waited, spent } = accountOf(seen, events, about);
  expect(steps).toEqual([
    { name: "start", seconds: 4 },
    { name: "files", seconds: 6 },
  ]);
  expect(rows).toEqual([
    { who: "main", cpu: [4, 6], kernel: 5 },
    { who: writers, cpu: [2, 4], kernel: 0 },
  ]);
  expect(waited).toEqual({ beginning: 2, middle: 0, end: 2 });
  expect(spent).toBeUndefined();
});

test("a table shows threads by what they took, what writers spent it on, and when a core waited", () => {
  const events = [span("files", 4e6), span("order", 5e6, { read: 0, decode: 1e6, verify: 2e6, write: 3e6 })];
  expect(tracedTable(accountOf(seen, events, about)).split("\n")).toEqual([
    "| **restore, sysbackup** | start | files | in all | in the kernel | share |",
    "| --- | --- | --- | --- | --- | --- |",
    "| main | 4.00 | 6.00 | 10.00 | 5.00 | 63 % |",
    "| threads that write | 2.00 | 4.00 | 6.00 | 0.00 | 38 % |",
    "| – read orders |  |  | 0.00 |  | 0 % |",
    "| – decompress |  |  | 1.00 |  | 6 % |",
    "| – SHA-256 |  |  | 2.00 |  | 13 % |",
    "| – make, fill and rename files |  |  | 3.00 |  | 19 % |",
    "| all threads | 6.00 | 10.00 | 16.00 | 5.00 | 100 % |",
    "| wall clock | 4.00 | 6.00 | **10.00** |  |  |",
    "",
    "Both cores were in use for 6.00 s; one waited for 2.00 s in the first fifth of the run, 0.00 s in the middle and 2.00 s in the last fifth.",
  ]);
});

test("each process of a pipe is seen with its own processor time, and no more than all took", async () => {
  const { threads, cpu } = await watchThreads(["sh", "-c", "head -c 100M /dev/zero | sha256sum > /dev/null"], {});
  expect(threads.map(({ process }) => process)).toEqual(expect.arrayContaining(["head", "sha256sum"]));
  const last = threads.map(({ seen: looks }) => looks.at(-1)?.cpu ?? 0);
  expect(last.find((_, index) => threads[index]?.process === "sha256sum")).toBeGreaterThan(0);
  // The system counts in ticks.
  expect(last.reduce((sum, one) => sum + one, 0)).toBeLessThan(cpu + 0.05);
});
