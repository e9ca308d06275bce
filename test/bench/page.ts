/** Makes `docs/performance.md` of the results that are kept. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { aimsOf } from "./aims.ts";
import { type DataResult, type Figure, type Row, readResults } from "./results.ts";
import { headings, phases } from "./tools/tool.ts";
import { tracedSection } from "./traced/table.ts";

const file = join(import.meta.dir, "../../docs/performance.md");
const reasons = join(import.meta.dir, "reasons.md");

const beginning = `# Performance

Made by \`bun run bench --page\` (\`test/bench\`), and never edited by hand. Everything lies on tmpfs, since disks vary more than programs; the commands come in turn in
each round; each figure is the median of the rounds. Times are of one machine at one time: compare the ratios. Each cell has the wall clock in seconds (the ratio to
the first row in the same round), and below it the processor time in seconds and the peak memory in MiB, both of all processes together.
`;

/** The page as it is to be. */
export async function pageOf(results: readonly DataResult[]): Promise<string> {
  const parts = [beginning, aimsOf(results), ...results.map(sectionOf), await readFile(reasons, "utf8")];
  return `${parts.map((part) => part.trim()).join("\n\n")}\n`;
}

export async function writePage(): Promise<void> {
  await writeFile(file, await pageOf(await readResults()));
}

export function sectionOf(result: DataResult): string {
  const used = phases.filter((phase) => result.rows.some((row) => row.phases[phase] !== undefined));
  const table = [
    ["", ...used.map((phase) => headings[phase]), "stored, MiB", "kept on the machine, MiB"],
    ["---", ...used.map(() => "---"), "---", "---"],
    ...result.rows.map((row) => [
      `${row.tool}, ${row.place}`,
      ...used.map((phase) => cell(row.phases[phase])),
      stored(row),
      row.kept.toFixed(0),
    ]),
  ];
  return [
    `## ${result.name}: ${result.files.toLocaleString("en")} files, ${result.mebibytes.toFixed(0)} MiB`,
    `${capitalized(result.about)}.`,
    table.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
    `${result.date}, ${result.rounds === 1 ? "one round" : `${result.rounds} rounds`}; ${result.machine}; ${result.versions.join("; ")}.`,
    ...(result.traced === undefined ? [] : [tracedSection(result.traced)]),
  ].join("\n\n");
}

function cell(figure: Figure | undefined): string {
  if (figure === undefined) return "–";
  const ratio = figure.ratio === undefined ? "" : ` (${figure.ratio.toFixed(2)})`;
  const requests = figure.requests === undefined ? "" : `, ${figure.requests} requests`;
  return `**${figure.seconds.toFixed(2)}**${ratio}<br>${figure.cpu.toFixed(1)} s, ${figure.peak.toFixed(0)} MiB${requests}`;
}

function stored({ stored: first, storedChanged }: Row): string {
  return storedChanged === undefined
    ? first.toFixed(0)
    : `${first.toFixed(0)}, then ${(storedChanged - first).toFixed(1)} more`;
}

function capitalized(text: string): string {
  return text.charAt(0) === "`" ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
