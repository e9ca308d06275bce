/** Formats the tables of `sysbackup cost`. */
import type { ClassCost, Cost, Estimate, Priced } from "../../../core/cost/cost.ts";
import type { CostFigures } from "../../../core/cost/figures.ts";
import { type Nano, toDisplay } from "../../../core/cost/money.ts";
import type { PriceTable } from "../../../core/cost/prices.ts";
import { archiveTiers } from "../../../core/format/storage-class.ts";
import { thawTime } from "../../shared/thaw-time.ts";
import { bytes, type Column, count, counted, moment, table } from "../../terminal/format.ts";

export function costLines(name: string, cost: Cost, prices: PriceTable): string[] {
  const [stored] = cost.classes;
  return [
    `what ${JSON.stringify(name)} costs, by ${counted(cost.backups, "backup")} from ${day(cost.from)} to ${day(cost.to)}`,
    `  prices of ${prices.provider}, ${prices.region}, in ${prices.currency}, as of ${prices.as_of} (${prices.source}): they change`,
    ...storedLines(cost),
    "",
    ...usesTable(stored, prices),
    "",
    ...classesTable(cost.classes, prices),
    "",
    ...coldLines(cost.cold, prices),
    ...notes(cost),
  ];
}

const day = (iso: string): string => moment(new Date(iso)).slice(0, 10);

function storedLines({ figures: { "as it is": figures }, runsMeasured }: Cost): string[] {
  const live = sum(figures, "live");
  const kept = sum(figures, "kept");
  const added = sum(figures, "added");
  const perRun = `${bytes(added.bytes / Math.max(1, runsMeasured))} a run, the mean of the last ${counted(runsMeasured, "run")}`;
  return [
    `  stored: ${bytes(kept.bytes)} in ${counted(kept.objects, "object")}; the newest backup needs ${bytes(live.bytes)} of it, the rest is the index and what older ones need`,
    `  new: ${runsMeasured === 0 ? "not known from one backup, taken as nothing" : perRun}`,
  ];
}

function sum({ content, manifests, dumps }: CostFigures, group: "live" | "kept" | "added") {
  const held = [content[group], manifests[group], dumps[group]];
  const total = (figure: (one: (typeof held)[number]) => number) =>
    held.reduce((result, one) => result + figure(one), 0);
  return { objects: total((one) => one.objects), bytes: total((one) => one.bytes) };
}

const usesColumns: readonly Column[] = [
  { title: "" },
  { title: "as it is" },
  { title: "", align: "right" },
  { title: "one object a file" },
  { title: "", align: "right" },
];

function usesTable({ name, layouts: { "as it is": is, "one object a file": one } }: ClassCost, prices: PriceTable) {
  const row = (title: string, figuresOf: (estimate: Estimate) => readonly [string, Nano]) => {
    const cells = [figuresOf(is), figuresOf(one)].flatMap(([amount, cost]) => [amount, priceOf(cost, prices)]);
    return [title, ...cells];
  };
  const requests = (title: string, kind: keyof Estimate) =>
    row(title, (estimate) => [requestsOf(estimate[kind]), estimate[kind].bill.requests]);
  const [first, ...columns] = usesColumns;
  return table(
    [{ ...first, title: name }, ...columns],
    [
      requests("a backup from nothing", "nothing"),
      requests("a daily run", "run"),
      requests("a month: 30 daily runs", "month"),
      row("  stored", ({ month }) => [`${bytes(month.stored)} for a month`, month.bill.storage]),
      row("  together", ({ month }) => ["", month.bill.total]),
      requests("a full restore", "restore"),
      row("  read, out to the internet", ({ restore }) => [bytes(restore.read), reading(restore)]),
      row("  together", ({ restore }) => ["", restore.bill.total]),
    ],
  );
}

const reading = ({ bill }: Priced): Nano => bill.retrieval + bill.egress;

function classesTable(classes: Cost["classes"], prices: PriceTable): string[] {
  const columns: readonly Column[] = [
    { title: "storage class" },
    { title: "month", align: "right" },
    { title: "restore", align: "right" },
    { title: "month, one object a file", align: "right" },
    { title: "restore, one object a file", align: "right" },
  ];
  const rows = classes.map(({ name, layouts }) => {
    const totals = [layouts["as it is"], layouts["one object a file"]];
    return [
      name,
      ...totals.flatMap(({ month, restore }) => [month, restore].map(({ bill }) => priceOf(bill.total, prices))),
    ];
  });
  return table(columns, rows);
}

/** Bundles, each in the class that it was put in. */
function* coldLines({ classes, thaw }: Cost["cold"], prices: PriceTable): Generator<string> {
  if (classes.length === 0) return;
  const columns: readonly Column[] = [
    { title: "bundles, beside all that" },
    { title: "stored" },
    { title: "month", align: "right" },
    { title: "restore", align: "right" },
  ];
  const price = (cost: Nano | undefined) => (cost === undefined ? "no price" : priceOf(cost, prices));
  const rows = classes.map(({ name, kept, month, restore }) => {
    const stored = `${bytes(kept.bytes)} in ${counted(kept.objects, "object")}`;
    return [name, stored, price(month), price(restore)];
  });
  yield* table(columns, rows);
  const tiers = classes.flatMap(({ storageClass }) => archiveTiers.find((tier) => tier === storageClass) ?? []);
  for (const { speed, cost } of thaw) {
    yield `  thawed first, by --thaw ${speed}: up to ${thawTime(tiers, speed)}, and ${priceOf(cost, prices)} more`;
  }
  yield "";
}

function notes({ layout }: Cost): string[] {
  const same = layout === "objects" ? ["this backup has one object a file already"] : [];
  return [...same, "how this is calculated, and what it leaves out: docs/cost.md"];
}

function requestsOf({ requests: { put, extend, get, list } }: Priced): string {
  const kinds = Object.entries({ put, extend, get, list }).filter(([, number]) => number > 0);
  return kinds.map(([kind, number]) => `${mean(number)} ${kind}`).join(", ");
}

/** Formats a mean: with tenths if it is below 100. */
function mean(number: number): string {
  return Number.isInteger(number) || number >= 100 ? count(Math.round(number)) : number.toFixed(1);
}

function priceOf(money: Nano, { currency }: PriceTable): string {
  return currency === "USD" ? `$${toDisplay(money)}` : `${toDisplay(money)} ${currency}`;
}
