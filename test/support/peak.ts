/** Runs the program as its users do, and measures its peak memory. */
import { readFile } from "node:fs/promises";
import { type Outcome, type ProgramOptions, startSysbackup } from "./program.ts";

const pauseMs = 5;

export async function sysbackupPeak(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Outcome & { readonly peakMiB: number }> {
  const child = startSysbackup(args, options);
  let peakMiB = 0;
  const watched = (async () => {
    // The system keeps the highest value, so only the last milliseconds can be missed.
    while (child.exitCode === null && child.signalCode === null) {
      const status = await readFile(`/proc/${child.pid}/status`, "latin1").catch(() => "");
      peakMiB = Math.max(peakMiB, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024);
      await Bun.sleep(pauseMs);
    }
  })();
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  await watched;
  return { exit, stdout, stderr, peakMiB: Math.round(peakMiB) };
}
