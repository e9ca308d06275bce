/** The tables of docs/fleet.md, for a fleet of a thousand machines. */
import { sizes, versionsOfS3 } from "./bytes.ts";
import { type Measurement, measured, measuredShape, shapeRun } from "./measured.ts";
import { crossover, dayOf, dollarsOf, joining, type ModelFigures, type ModelShape } from "./model.ts";
import { daysRun, type Mode, modes } from "./real-fleet.ts";

/** Machines of 10 GB each, of which 100 MB are new each day, 90 % of both the same on all machines. */
const thousand: ModelShape = {
  hosts: 1_000,
  shared: 900,
  own: 100,
  chunkBytes: 100_000,
  ...sizes,
  daysKept: 37,
  version: versionsOfS3,
};
const allChunks = { shared: 90_000, own: 10_000 };

const names: Readonly<Record<Mode, string>> = {
  alone: "each alone",
  index: "index objects of all (`share_with = *`)",
  verified: "verified objects",
  table: "the table",
};

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const figure = (value: number): string => number.format(value);

function size(bytes: number): string {
  if (bytes >= 1e9) return `${figure(bytes / 1e9)} GB`;
  return bytes >= 1e6 ? `${figure(bytes / 1e6)} MB` : `${figure(bytes / 1e3)} KB`;
}

function days(): string[][] {
  const head = [
    "per machine and day",
    "puts",
    "gets, heads",
    "lists",
    "requests to the table",
    "items looked up, put",
    "received",
    "stored",
    "all 1,000: US$ a day",
  ];
  return [head, ...modes.map((mode) => dayRow(mode, dayOf(mode, thousand)))];
}

function dayRow(mode: Mode, day: ModelFigures): string[] {
  const each = (sum: number) => figure(sum / thousand.hosts);
  const { put, get, head, list, received, answered, stored } = day;
  const table = day.tableRequests + day.tableWrittenByReader;
  const items = `${each(day.tableRead)}, ${each(day.tableWritten + day.tableWrittenByReader)}`;
  return [
    names[mode],
    each(put),
    each(get + head),
    each(list),
    mode === "table" ? each(table) : "",
    mode === "table" ? items : "",
    size((received + answered) / thousand.hosts),
    size(stored / thousand.hosts),
    dollarsOf(day).toFixed(2),
  ];
}

function joins(): string[][] {
  const head = ["a machine that joins", "gets", "items looked up", "received", "rows in its state", "US$"];
  const rows = modes.map((mode) => {
    const { get, tableRead, received, rows, dollars } = joining(mode, thousand, allChunks);
    const what = [figure(get), figure(tableRead), size(received), figure(rows)];
    return [names[mode], ...what, dollars.toFixed(4)];
  });
  return [head, ...rows];
}

function crossovers(): string[][] {
  const of: readonly (readonly [string, (figures: ModelFigures) => number])[] = [
    ["bytes received", ({ received, answered }) => received + answered],
    ["requests", (day) => day.get + day.head + day.list + day.put + day.tableRequests + day.tableWrittenByReader],
    ["US$", dollarsOf],
  ];
  const head = ["from so many machines on, the table takes less", "than index objects of all", "than verified objects"];
  const at = (figures: (day: ModelFigures) => number, other: Mode) => {
    const hosts = crossover(thousand, figures, other);
    return Number.isFinite(hosts) ? figure(hosts) : "never";
  };
  return [head, ...of.map(([name, figures]) => [name, at(figures, "index"), at(figures, "verified")])];
}

/** What machines really took that ran, and in brackets the bytes that the arithmetic says. */
async function runs(): Promise<string[][]> {
  const head = [
    `${figure(measuredShape.hosts)} machines that ran, each and a day`,
    "puts",
    "gets, heads",
    "lists",
    "requests to the table",
    "items looked up, put",
    "received (computed)",
    "packs (computed)",
    "all sent",
    "days, minutes of processor time",
  ];
  const found = await measured();
  const rows = modes.flatMap((mode) => {
    const measurement = found[mode];
    return measurement === undefined ? [] : [runRow(mode, measurement)];
  });
  return [head, ...rows];
}

function runRow(mode: Mode, { seconds, figures }: Measurement): string[] {
  const { bucket, packs, table, answered, reader } = figures;
  const said = dayOf(mode, shapeRun(mode, measuredShape));
  const each = (sum: number) => figure(sum / measuredShape.hosts);
  const bytes = (sum: number) => size(sum / measuredShape.hosts);
  const isTable = mode === "table";
  return [
    names[mode],
    each(bucket.put),
    each(bucket.get + bucket.head),
    each(bucket.list),
    isTable ? each(table.requests + reader.table.written) : "",
    isTable ? `${each(table.read)}, ${each(table.written + reader.table.written)}` : "",
    `${bytes(bucket.received + answered)} (${bytes(said.received + said.answered)})`,
    `${bytes(packs)} (${bytes(said.stored)})`,
    bytes(bucket.sent),
    `${daysRun(mode)}, ${Math.ceil(seconds / 60)}`,
  ];
}

export async function fleetTables(): Promise<string> {
  return [days(), crossovers(), joins(), await runs()].map(tableOf).join("\n\n");
}

function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...body.map(line)].join("\n");
}
