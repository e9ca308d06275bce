/** Tables of the page that say where the time of a run went. */
import type { TracedRun } from "../results.ts";
import { headings, phases } from "../tools/tool.ts";

const beginning = `### Where the time goes

One run each with \`--trace\`, while the processor time of each thread was looked at every 10 ms: processor seconds by thread and step, how much of them was in the kernel (system calls and page faults),
and the share of all. A step lasts until the next one begins; below are the wall seconds of each. A core that other programs had counts as one that waited.`;

export function tracedSection(runs: readonly TracedRun[]): string {
  const inOrder = phases.flatMap((phase) => runs.filter((run) => run.phase === phase));
  return [beginning, ...inOrder.map(tracedTable)].join("\n\n");
}

export function tracedTable(run: TracedRun): string {
  const all = run.rows.reduce((sum, { cpu }) => sum + total(cpu), 0);
  const share = (cpu: number) => `${((100 * cpu) / all).toFixed(0)} %`;
  // Of one step, the sum says all.
  const steps = run.steps.length > 1 ? run.steps : [];
  const cells = (cpu: readonly number[]) => (steps.length === 0 ? [] : cpu.map(seconds));
  const rows = run.rows
    .filter(({ cpu }) => total(cpu) >= shown)
    .toSorted((one, other) => total(other.cpu) - total(one.cpu))
    .flatMap((row) => [
      [row.who, ...cells(row.cpu), seconds(total(row.cpu)), seconds(row.kernel), share(total(row.cpu))],
      ...partsOf(run, row).map(([name, cpu]) => [`– ${name}`, ...steps.map(() => ""), seconds(cpu), "", share(cpu)]),
    ]);
  const sums = run.steps.map((_, index) => total(run.rows.map(({ cpu }) => cpu[index] ?? 0)));
  const kernel = total(run.rows.map((row) => row.kernel));
  const table = [
    [`**${headings[run.phase]}, ${run.tool}**`, ...steps.map(({ name }) => name), "in all", "in the kernel", "share"],
    ["---", ...steps.map(() => "---"), "---", "---", "---"],
    ...rows,
    ["all threads", ...cells(sums), seconds(all), seconds(kernel), "100 %"],
    ["wall clock", ...steps.map((step) => seconds(step.seconds)), `**${seconds(run.seconds)}**`, "", ""],
  ];
  return [table.map((row) => `| ${row.join(" | ")} |`).join("\n"), inUse(run)].join("\n\n");
}

/** What the threads that write spent their time on; the rest is start-up, messages and their collector. */
function partsOf({ spent }: TracedRun, row: TracedRun["rows"][number]): (readonly [string, number])[] {
  if (spent === undefined || row.who !== writers) return [];
  return [
    ["read orders", spent.read],
    ["decompress", spent.decode],
    ["SHA-256", spent.verify],
    ["make, fill and rename files", spent.write],
  ];
}

/** Seconds: a row of less would be one of zeros. */
const shown = 0.005;

/** The row of which `spent` says more. */
export const writers = "threads that write";

function inUse({ cores, seconds: wall, waited: { beginning: first, middle, end } }: TracedRun): string {
  const busy = Math.max(0, wall - first - middle - end);
  const all = cores === 2 ? "Both cores were" : `All ${cores} cores were`;
  const one = cores === 2 ? "one waited" : "cores waited";
  return `${all} in use for ${seconds(busy)} s; ${one} for ${seconds(first)} s in the first fifth of the run, ${seconds(middle)} s in the middle and ${seconds(end)} s in the last fifth.`;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function seconds(value: number): string {
  return value.toFixed(2);
}
