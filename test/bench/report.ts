/** Prints the figures as the tables that `docs/performance.md` keeps. */
import { cpus, release } from "node:os";
import { type Measured, median } from "./measure.ts";

type Phase = "first" | "again" | "restore";
export type Row = { readonly name: string; readonly figures: Record<Phase, Measured[]> };

const phases: readonly Phase[] = ["first", "again", "restore"];

export async function printReport(data: string, rounds: number, rows: readonly Row[]): Promise<void> {
  const files = (await Bun.$`find ${data} -type f`.text()).split("\n").length - 1;
  const size = Number((await Bun.$`du -sm --apparent-size ${data}`.text()).split("\t")[0]);
  const [cpu] = cpus();
  print(`${files} files, ${size} MiB, on tmpfs; median of ${rounds} rounds; ${new Date().toISOString().slice(0, 10)}`);
  print(`${cpus().length} × ${cpu?.model}, Linux ${release()}, Bun ${Bun.version}${await resticVersion()}`);
  table(
    "Seconds (median)",
    rows.map(({ name, figures }) => [name, ...phases.map((phase) => fixed(median(seconds(figures[phase])), 2))]),
  );
  const [base, ...others] = rows;
  if (base !== undefined) {
    table(
      `Ratio to ${base.name} (median of the rounds' ratios)`,
      others.map(({ name, figures }) => [name, ...phases.map((phase) => ratio(figures[phase], base.figures[phase]))]),
    );
  }
  table(
    "Peak memory, MiB (largest)",
    others.map(({ name, figures }) => [
      name,
      ...phases.map((phase) => fixed(Math.max(...figures[phase].map((m) => m.peak)), 0)),
    ]),
  );
  for (const { name, figures } of others) if (name.startsWith("sysbackup")) printRequests(name, figures);
}

function printRequests(name: string, figures: Row["figures"]): void {
  for (const phase of phases) {
    const last = figures[phase].at(-1)?.stdout.trim().split("\n").at(-1) ?? "";
    const { requests } = JSON.parse(last) as { requests?: Record<string, number> };
    if (requests !== undefined) print(`requests, ${name}, ${phase}: ${JSON.stringify(requests)}`);
  }
}

function ratio(ours: readonly Measured[], theirs: readonly Measured[]): string {
  return fixed(median(ours.map(({ seconds }, round) => seconds / (theirs[round]?.seconds ?? Number.NaN))), 2);
}

function seconds(measured: readonly Measured[]): number[] {
  return measured.map((one) => one.seconds);
}

function table(title: string, rows: readonly (readonly string[])[]): void {
  print(`\n${title}\n\n| | first backup | again, nothing changed | restore |\n|---|---|---|---|`);
  for (const row of rows) print(`| ${row.join(" | ")} |`);
}

async function resticVersion(): Promise<string> {
  if (Bun.which("restic") === null) return "";
  return `, ${(await Bun.$`restic version`.text()).split(" ").slice(0, 2).join(" ")}`;
}

function fixed(value: number, digits: number): string {
  return value.toFixed(digits);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
