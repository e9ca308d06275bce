/**
 * `bun run bench [--quick] [--page] [DATA…]`: how fast and how large sysbackup is against tools that everybody knows, on the same files
 * in the same minutes. Absolute times are this machine's; the ratios are what to look at.
 *
 * Everything lies on tmpfs, since disks vary more than programs. Rounds run A B C … A B C …, so that a slow minute hits all; each
 * figure is the median of three rounds, with `--quick` of one. Tools that are not installed are left out. Ceph's rows come if
 * `bun test/support/services/start.ts` runs and its variables are exported. `--page` writes `docs/performance.md`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import packageJson from "../../package.json" with { type: "json" };
import { buildProgram } from "../support/compiled.ts";
import { run } from "../support/services/command.ts";
import { allData } from "./data/all.ts";
import type { Data } from "./data/data.ts";
import { median } from "./measure.ts";
import { sectionOf, writePage } from "./page.ts";
import { placeNames } from "./places.ts";
import { type DataResult, type Figure, keepResults, type Row, type TracedRun } from "./results.ts";
import { fill, type Round, runRound } from "./round.ts";
import { allTools } from "./tools/all.ts";
import { type Phase, phases, type Tool } from "./tools/tool.ts";
import { runTraced } from "./traced/run.ts";

type Contender = { readonly tool: Tool; readonly place: Row["place"]; readonly rounds: Round[] };

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false }, page: { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !allData.some((data) => data.name === name));
if (unknown.length > 0)
  throw new Error(`no such data: ${unknown.join(", ")}; there are ${allData.map(({ name }) => name).join(", ")}`);
const rounds = values.quick ? 1 : 3;

const folder = await mkdtemp(join(await onTmpfs(), "sysbackup-bench-"));
try {
  const program = join(folder, "sysbackup");
  await buildProgram(packageJson.scripts.build, program);
  const { tools, versions } = await installed(allTools(program));
  const results: DataResult[] = [];
  for (const data of allData.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
    const result = await benchmark(data, tools, versions);
    process.stdout.write(`${sectionOf(result)}\n`);
    results.push(result);
    if (values.page) await keepResults(results);
  }
  if (values.page) await writePage();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function benchmark(data: Data, tools: readonly Tool[], versions: readonly string[]): Promise<DataResult> {
  const source = join(folder, "source");
  await fill(source, data);
  const size = await sizeOf(source);
  const contenders: Contender[] = placeNames.flatMap((place) =>
    tools.filter(({ places }) => places.includes(place)).map((tool) => ({ tool, place, rounds: [] })),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of contenders) {
      console.error(`${data.name}, round ${round + 1} of ${rounds}: ${contender.tool.name}, ${contender.place}`);
      contender.rounds.push(
        await runRound(contender.tool, contender.place, { folder: join(folder, "round"), source, data }),
      );
    }
  }
  const traced = data.isTraced ? await takeTraces(tools, source) : undefined;
  await rm(source, { recursive: true });
  const [first] = contenders;
  const rows = contenders.map((contender) => rowOf(contender, first?.rounds ?? []));
  const { name, about } = data;
  return {
    name,
    about,
    ...size,
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    versions: [...versions],
    rounds,
    rows,
    ...(traced && { traced }),
  };
}

/** Traces the first tool and the program. */
function takeTraces(tools: readonly Tool[], source: string): Promise<TracedRun[]> {
  console.error("where the time goes");
  const both = tools.filter(({ name }, index) => index === 0 || name === "sysbackup");
  return runTraced(both, join(folder, "round"), source);
}

function rowOf({ tool, place, rounds: taken }: Contender, base: readonly Round[]): Row {
  const last = taken.at(-1);
  const figures = phases.flatMap((phase) => {
    const figure = figureOf(taken, base, phase);
    return figure === undefined ? [] : [[phase, figure] as const];
  });
  return {
    tool: tool.name,
    place,
    phases: Object.fromEntries(figures),
    stored: last?.stored ?? Number.NaN,
    storedChanged: last?.storedChanged,
    kept: last?.kept ?? Number.NaN,
  };
}

function figureOf(taken: readonly Round[], base: readonly Round[], phase: Phase): Figure | undefined {
  const all = taken.flatMap((round) => round.phases[phase] ?? []);
  if (all.length === 0) return undefined;
  const ratios = taken.flatMap((round, number) => {
    const [ours, theirs] = [round.phases[phase], base[number]?.phases[phase]];
    return ours === undefined || theirs === undefined ? [] : [ours.seconds / theirs.seconds];
  });
  return {
    seconds: median(all.map(({ seconds }) => seconds)),
    cpu: median(all.map(({ cpu }) => cpu)),
    peak: Math.max(...all.map(({ peak }) => peak)),
    ...(ratios.length > 0 && { ratio: median(ratios) }),
    ...(all.at(-1)?.requests !== undefined && { requests: all.at(-1)?.requests }),
  };
}

async function installed(all: readonly Tool[]): Promise<{ tools: Tool[]; versions: string[] }> {
  const found = await Promise.all(all.map(async (tool) => ({ tool, version: await tool.version() })));
  const there = found.flatMap(({ tool, version }) => (version === undefined ? [] : [{ tool, version }]));
  return { tools: there.map(({ tool }) => tool), versions: there.map(({ version }) => version) };
}

async function sizeOf(source: string): Promise<{ files: number; mebibytes: number }> {
  const names = await run(["sh", "-c", `find '${source}' -type f | wc -l`]);
  const bytes = (await run(["du", "-s", "--apparent-size", "--block-size=1", source])).split("\t")[0];
  return { files: Number(names), mebibytes: Number(bytes) / 1024 ** 2 };
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, Linux ${release()}`;
}

async function onTmpfs(): Promise<string> {
  return (await Bun.file("/proc/mounts").text()).includes(" /dev/shm tmpfs ") ? "/dev/shm" : tmpdir();
}
