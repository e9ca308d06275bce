/** Processor time of each thread of a command and of all processes below it, looked at again and again while it runs. */
import { readdirSync, readFileSync } from "node:fs";

export type ThreadTimes = {
  /** Names of the process and of the thread, as the system has them. */
  readonly process: string;
  readonly name: string;
  readonly isMain: boolean;
  /** Share of its processor time that was in the kernel, from 0 to 1. */
  readonly kernel: number;
  /** Processor seconds until then, for each moment at which it was there. Moments are seconds since the command was started. */
  readonly seen: readonly { readonly moment: number; readonly cpu: number }[];
};

export type ThreadsSeen = {
  readonly seconds: number;
  /** User and system time of all processes, also of what ended between two looks. */
  readonly cpu: number;
  readonly threads: readonly ThreadTimes[];
};

type Growing = { -readonly [key in keyof ThreadTimes]: ThreadTimes[key] } & {
  readonly seen: { moment: number; cpu: number }[];
};

const pauseMs = 10;

/** Runs a command to its end. Throws if it fails. */
export async function watchThreads(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ThreadsSeen> {
  const started = performance.now();
  const since = () => (performance.now() - started) / 1000;
  const child = Bun.spawn([...command], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  const threads = new Map<string, Growing>();
  while (child.exitCode === null && child.signalCode === null) {
    look(child.pid, since(), threads);
    await Promise.race([child.exited, Bun.sleep(pauseMs)]);
  }
  const seconds = since();
  if (child.exitCode !== 0) throw new Error(`${command.join(" ")} ended with status ${child.exitCode}`);
  const cpu = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  return { seconds, cpu, threads: [...threads.values()] };
}

function look(pid: number, moment: number, threads: Map<string, Growing>): void {
  // One that has a parent's command line does not run its program yet, but that takes no time worth a row.
  const name = nameAndTicks(`/proc/${pid}/stat`)?.name;
  if (name === undefined) return;
  for (const tid of namesIn(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${tid}`;
    const now = nameAndTicks(`${folder}/stat`);
    const nanoseconds = Number(textOf(`${folder}/schedstat`).split(" ")[0]);
    if (now === undefined || !(nanoseconds >= 0)) continue;
    const key = `${pid} ${tid}`;
    const thread = threads.get(key) ?? { process: name, name, isMain: tid === `${pid}`, kernel: 0, seen: [] };
    threads.set(key, thread);
    thread.process = name;
    thread.name = now.name;
    thread.kernel = now.kernel;
    thread.seen.push({ moment, cpu: nanoseconds / 1e9 });
    for (const below of textOf(`${folder}/children`).split(" ").filter(Boolean)) look(Number(below), moment, threads);
  }
}

/** Fields of `stat`: user time is the 14th, time in the kernel the 15th. The name in parentheses may have any character. */
function nameAndTicks(file: string): { readonly name: string; readonly kernel: number } | undefined {
  const fields = /^\d+ \((.*)\) (.*)$/s.exec(textOf(file));
  if (fields === null) return undefined;
  const [user = 0, kernel = 0] = (fields[2] ?? "").split(" ").slice(11, 13).map(Number);
  return { name: fields[1] ?? "", kernel: kernel / Math.max(1, user + kernel) };
}

/** Empty if what it is of has ended. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
