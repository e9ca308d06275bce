/** What the benchmark keeps of its runs: `results.json`, of which `docs/performance.md` is made. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const figure = z.object({
  /** Wall clock and processor time, seconds; peak memory, MiB: medians of the rounds. */
  seconds: z.number(),
  cpu: z.number(),
  peak: z.number(),
  /** To the first tool's time in the same round: median of the rounds. Missing if that has no such phase. */
  ratio: z.number().optional(),
  /** As the server saw them, in the last round. */
  requests: z.number().optional(),
});

const row = z.object({
  tool: z.string(),
  place: z.enum(["directory", "Ceph"]),
  phases: z.object({
    first: figure.optional(),
    again: figure.optional(),
    changed: figure.optional(),
    restore: figure.optional(),
  }),
  /** MiB in the bucket after the first backup, and after that of the changed data. */
  stored: z.number(),
  storedChanged: z.number().optional(),
  /** MiB of state and caches on the machine, after the first backup. */
  kept: z.number(),
});

const tracedRun = z.object({
  phase: z.enum(["first", "again", "restore"]),
  tool: z.string(),
  /** Wall clock and processor time, seconds. */
  seconds: z.number(),
  cpu: z.number(),
  cores: z.number(),
  /** Wall seconds of each step, one after the other. */
  steps: z.array(z.object({ name: z.string(), seconds: z.number() })),
  /** Processor seconds of threads: in each step, and in the kernel in all of them. */
  rows: z.array(z.object({ who: z.string(), cpu: z.array(z.number()), kernel: z.number() })),
  /** Seconds of cores that the run did not use: in the first fifth of the run, the last one, and between. */
  waited: z.object({ beginning: z.number(), middle: z.number(), end: z.number() }),
  /** Processor seconds of the threads that write, as they say. */
  spent: z.object({ read: z.number(), decode: z.number(), verify: z.number(), write: z.number() }).optional(),
});

const dataResult = z.object({
  name: z.string(),
  about: z.string(),
  files: z.number(),
  mebibytes: z.number(),
  date: z.string(),
  machine: z.string(),
  versions: z.array(z.string()),
  rounds: z.number(),
  rows: z.array(row),
  traced: z.array(tracedRun).optional(),
});

export type Figure = Readonly<z.infer<typeof figure>>;
export type Row = Readonly<z.infer<typeof row>>;
export type TracedRun = Readonly<z.infer<typeof tracedRun>>;
export type DataResult = Readonly<z.infer<typeof dataResult>>;

const file = join(import.meta.dir, "results.json");

export async function readResults(): Promise<DataResult[]> {
  return z.array(dataResult).parse(JSON.parse(await readFile(file, "utf8").catch(() => "[]")));
}

/** Puts the results in place of those of the same data. */
export async function keepResults(results: readonly DataResult[]): Promise<void> {
  const others = (await readResults()).filter(({ name }) => !results.some((one) => one.name === name));
  await writeFile(file, `${JSON.stringify([...others, ...results], undefined, 1)}\n`);
}
