/** One run of one command, as the operating system accounts for it. */
export type Measured = {
  /** Wall clock, seconds. */
  readonly seconds: number;
  /** User and system time of the command and the children it waited for, seconds. */
  readonly cpu: number;
  /** Largest resident set of the command itself, MiB. */
  readonly peak: number;
  readonly stdout: string;
};

/** Throws where the command fails: a failed run is no measurement. */
export async function measure(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Measured> {
  const started = performance.now();
  const child = Bun.spawn([...command], { env: { ...process.env, ...env }, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const seconds = (performance.now() - started) / 1000;
  const usage = child.resourceUsage();
  if (exit !== 0 && exit !== 3) throw new Error(`${command.join(" ")} ended with ${exit}: ${stderr}`);
  return {
    seconds,
    cpu: Number(usage?.cpuTime.total ?? 0) / 1e6,
    peak: (usage?.maxRSS ?? 0) / 1024 / 1024,
    stdout,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
