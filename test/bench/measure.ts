/** One run of one command, as the operating system accounts for it and all processes below it. */
import { readFile } from "node:fs/promises";

export type Measured = {
  /** Wall clock, seconds. */
  readonly seconds: number;
  /** User and system time of all processes, seconds. */
  readonly cpu: number;
  /** Largest sum of the resident sets of all processes, MiB. Pages that two of them share count twice. */
  readonly peak: number;
};

const pauseMs = 20;

/** Runs a command to its end. Throws if it fails: a failed run is no measurement. */
export async function measure(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const started = performance.now();
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const watched = peakOf(child.pid, () => child.exitCode !== null || child.signalCode !== null);
  const [stderr, exit] = await Promise.all([child.stderr.text(), child.exited]);
  const seconds = (performance.now() - started) / 1000;
  const peak = await watched;
  if (exit !== 0) throw new Error(`${command.join(" ")} ended with status ${exit}: ${stderr.slice(-2000)}`);
  // Not its maxRSS: the system counts the memory of the process that started it, too.
  return { seconds, cpu: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6, peak };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function peakOf(pid: number, hasEnded: () => boolean): Promise<number> {
  let peak = 0;
  while (!hasEnded()) {
    peak = Math.max(peak, await residentBelow(pid));
    await Bun.sleep(pauseMs);
  }
  return peak;
}

/** MiB of a process and all below it that are there at this moment. */
async function residentBelow(pid: number, above?: string): Promise<number> {
  const read = (file: string) => readFile(`/proc/${pid}/${file}`, "latin1").catch(() => "");
  const command = await read("cmdline");
  // A child that does not run its program yet is in the memory of its parent, and has its command line, or none.
  if (above !== undefined && (command === "" || command === above)) return 0;
  const [status, children] = await Promise.all([read("status"), read(`task/${pid}/children`)]);
  const own = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  const pids = children.split(" ").filter(Boolean).map(Number);
  const below = await Promise.all(pids.map((child) => residentBelow(child, command)));
  return below.reduce((sum, one) => sum + one, own);
}
