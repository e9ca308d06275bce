/** Runs the program as its users do, and measures its peak memory. */
import { readFileSync } from "node:fs";
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
      peakMiB = Math.max(peakMiB, highestOf(child.pid));
      await Bun.sleep(pauseMs);
    }
  })();
  const [stdout, stderr, exit] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  await watched;
  return { exit, stdout, stderr, peakMiB: Math.round(peakMiB) };
}

/** MiB; 0 if the process has ended. */
function highestOf(pid: number): number {
  try {
    // At once, since it is no file on a disk: by a thread, it takes several times as long.
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
