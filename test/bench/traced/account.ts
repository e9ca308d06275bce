/** Which threads took how much processor time in which steps of a run. */
import type { TraceEvent } from "../../support/trace-events.ts";
import type { TracedRun } from "../results.ts";
import type { ThreadsSeen, ThreadTimes } from "./threads.ts";

/** Steps that are one column: from the beginning of the first span of that name to the next column. The first begins with the run. */
export type Column = { readonly name: string; readonly from?: string };

export type AccountOf = {
  readonly phase: TracedRun["phase"];
  readonly tool: string;
  readonly cores: number;
  readonly columns: readonly Column[];
  /** The row of a thread. */
  readonly who: (thread: ThreadTimes) => string;
};

/** The beginning and the end of a run, as a share of it. */
const edge = 0.2;

export function accountOf(
  run: ThreadsSeen,
  events: readonly TraceEvent[],
  { phase, tool, cores, columns, who }: AccountOf,
): TracedRun {
  const steps = stretchesOf(columns, events, run.seconds);
  const rows = new Map<string, { who: string; cpu: number[]; kernel: number }>();
  for (const thread of run.threads) {
    const name = who(thread);
    const row = rows.get(name) ?? { who: name, cpu: steps.map(() => 0), kernel: 0 };
    rows.set(name, row);
    row.cpu = row.cpu.map((sum, index) => sum + cpuIn(thread, steps[index]));
    row.kernel += thread.kernel * (thread.seen.at(-1)?.cpu ?? 0);
  }
  const wait = (from: number, to: number) => waited(run, cores, from, to);
  const [first, last] = [run.seconds * edge, run.seconds * (1 - edge)];
  const spent = spentIn(events);
  return {
    phase,
    tool,
    seconds: run.seconds,
    cpu: run.cpu,
    cores,
    steps: steps.map(({ name, from, to }) => ({ name, seconds: to - from })),
    rows: [...rows.values()],
    waited: { beginning: wait(0, first), middle: wait(first, last), end: wait(last, run.seconds) },
    ...(spent && { spent }),
  };
}

type Stretch = { readonly name: string; readonly from: number; readonly to: number };

function stretchesOf(columns: readonly Column[], events: readonly TraceEvent[], seconds: number): Stretch[] {
  const begins = columns.map(({ name, from }) => ({ name, from: from === undefined ? 0 : beginOf(events, from) }));
  const there = begins.flatMap(({ name, from }) => (from === undefined ? [] : [{ name, from }]));
  return there.map((column, index) => ({ ...column, to: there[index + 1]?.from ?? seconds }));
}

function beginOf(events: readonly TraceEvent[], name: string): number | undefined {
  const begins = events.flatMap((event) => (event.ph === "X" && event.name === name ? [event.ts ?? 0] : []));
  return begins.length === 0 ? undefined : Math.min(...begins) / 1e6;
}

function cpuIn(thread: ThreadTimes, stretch: Stretch | undefined): number {
  return stretch === undefined ? 0 : cpuUntil(thread, stretch.to) - cpuUntil(thread, stretch.from);
}

/** Between two looks, the time is taken to have gone by evenly. Before the first one, there was none. */
function cpuUntil({ seen }: ThreadTimes, moment: number): number {
  const next = seen.findIndex((look) => look.moment > moment);
  const [before, after] = next < 0 ? [seen.at(-1), undefined] : [seen[next - 1], seen[next]];
  if (after === undefined) return before?.cpu ?? 0;
  const from = before ?? { moment: 0, cpu: 0 };
  return from.cpu + ((after.cpu - from.cpu) * (moment - from.moment)) / (after.moment - from.moment);
}

/** Seconds of cores that the run did not use. */
function waited({ threads }: ThreadsSeen, cores: number, from: number, to: number): number {
  const used = threads.reduce((all, thread) => all + cpuUntil(thread, to) - cpuUntil(thread, from), 0);
  return Math.max(0, cores * (to - from) - used);
}

function spentIn(events: readonly TraceEvent[]): TracedRun["spent"] {
  const answers = events.flatMap(({ args }) => (args?.decode === undefined ? [] : [args]));
  const sum = (key: string) => answers.reduce((all, args) => all + Number(args[key]), 0) / 1e6;
  if (answers.length === 0) return undefined;
  return { read: sum("read"), decode: sum("decode"), verify: sum("verify"), write: sum("write") };
}
