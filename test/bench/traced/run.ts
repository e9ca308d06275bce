/** One run of each phase with a trace, of the program and of what it is compared with first. */
import { readFile, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { eventsOf } from "../../support/trace-events.ts";
import type { TracedRun } from "../results.ts";
import { emptyGround } from "../round.ts";
import type { Phase, Tool } from "../tools/tool.ts";
import { accountOf, type Column } from "./account.ts";
import { writers } from "./table.ts";
import { type ThreadTimes, watchThreads } from "./threads.ts";

type Traced = "first" | "again" | "restore";
const traced = ["first", "again", "restore"] as const satisfies readonly Phase[];

const start: Column = { name: "start" };
const archive: readonly Column[] = [
  start,
  { name: "pick, compare", from: "pick" },
  { name: "read, compress", from: "quilt" },
  { name: "parts, index, root", from: "parts" },
];
const columns: Readonly<Record<Traced, readonly Column[]>> = {
  first: archive,
  again: archive,
  restore: [
    start,
    { name: "first part", from: "files" },
    { name: "files", from: "have a thread decode and write" },
    { name: "folders", from: "folders" },
  ],
};

/** Threads of Bun and of JavaScript's engine, as they are named by themselves. */
const named: readonly (readonly [RegExp, string])[] = [
  [/^(JITWorker|JSCWarmUp)/, "JavaScript's compiler"],
  [/^(HeapHelper|ollector Thread|.*Collector)/, "JavaScript's collector"],
];

/** Empties `folder` before and after. `tar` and `program` by their names. */
export async function runTraced(tools: readonly Tool[], folder: string, source: string): Promise<TracedRun[]> {
  const runs: TracedRun[] = [];
  for (const tool of tools) {
    const ground = await emptyGround(folder, source);
    const { env, ...commands } = await tool.prepare(ground, { name: "directory" });
    for (const phase of traced) {
      const command = commands[phase];
      if (command === undefined) continue;
      const isOurs = tool.name === "sysbackup";
      const file = join(folder, `${phase}.json`);
      const seen = await watchThreads(isOurs ? [...command, "--trace", file] : command, env);
      const events = isOurs ? eventsOf(await readFile(file, "utf8")) : [];
      const who = (thread: ThreadTimes) => (isOurs ? ofProgram(thread, phase) : ofOther(thread));
      const about = { phase, tool: tool.name, cores: cpus().length, columns: isOurs ? columns[phase] : [start], who };
      runs.push(accountOf(seen, events, about));
    }
    await rm(folder, { recursive: true });
  }
  return runs;
}

function ofProgram(thread: ThreadTimes, phase: Traced): string {
  const { process, name, isMain } = thread;
  if (process !== "sysbackup") return ofOther(thread);
  if (isMain) return "main thread";
  if (name === "Worker") return phase === "restore" ? writers : "threads that read, cut and hash";
  if (name.startsWith("Bun Pool")) return phase === "first" ? "Bun's pool: zstd, files of the bucket" : "Bun's pool";
  return named.find(([pattern]) => pattern.test(name))?.[1] ?? "other threads of Bun";
}

function ofOther({ process }: ThreadTimes): string {
  return process === "sh" ? "shell" : process;
}
