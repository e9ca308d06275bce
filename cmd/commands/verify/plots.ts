/** Draws the plots of the page as inline SVG: how long each backup is locked, and how large each is. */
import type { BackupVerdict } from "../../../restore/verify/verify.ts";
import { bytes, moment } from "../../terminal/format.ts";
import { escaped } from "./escaped.ts";

const width = 960;
const left = 150;
const right = 20;
const row = 14;
const axis = 28;

/** Backups drawn at most, as more do not fit a plot: the newest are drawn. */
export const maxDrawn = 200;

type DatedVerdict = BackupVerdict & { readonly started: Date };

/** Picks the backups that can be drawn, by name, newest first within a name. */
export function drawn(backups: readonly BackupVerdict[]): DatedVerdict[] {
  return backups
    .flatMap((backup) => (backup.header === undefined ? [] : [{ ...backup, started: new Date(backup.header.started) }]))
    .toSorted((a, b) => b.started.getTime() - a.started.getTime())
    .slice(0, maxDrawn)
    .toSorted((a, b) => compare(nameOf(a), nameOf(b)) || b.started.getTime() - a.started.getTime());
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const nameOf = ({ header }: BackupVerdict) => header?.name ?? "";

/** Draws a bar from each backup's start to the end of its first lock, a tick when its promise ends, and a line for now. */
export function horizonPlot(backups: readonly DatedVerdict[], now: Date): string {
  const times = backups.flatMap(({ started, lockedUntil, header }) => [
    started.getTime(),
    (lockedUntil ?? started).getTime(),
    new Date(header?.retain_until ?? started).getTime(),
  ]);
  const from = Math.min(now.getTime(), ...times);
  const to = Math.max(now.getTime() + 1, ...times);
  const x = (time: number) => round(left + ((time - from) / (to - from)) * (width - left - right));
  const height = axis + backups.length * row + 6;
  const bars = backups.map((backup, number) => bar(backup, axis + number * row, x, backups[number - 1]));
  const at = x(now.getTime());
  return svg(height, "How long each backup is locked", [
    ...ticks(from, to, x, height),
    ...bars,
    `<line class="now" x1="${at}" x2="${at}" y1="${axis - 8}" y2="${height}"/><text class="now" x="${at}" y="${axis - 12}" text-anchor="middle">now</text>`,
  ]);
}

function bar(backup: DatedVerdict, y: number, x: (time: number) => number, before: DatedVerdict | undefined): string {
  const { started, lockedUntil, header, state, lost } = backup;
  const name = nameOf(backup);
  const start = x(started.getTime());
  const end = Math.max(start + 3, x((lockedUntil ?? started).getTime()));
  const promise = x(new Date(header?.retain_until ?? started).getTime());
  const tooltip = `${name}, ${moment(started)}: ${state}${lost > 0 ? `, ${lost} entries lost` : ""}; locked until ${lockedUntil === undefined ? "never" : moment(lockedUntil)}, promised ${header?.retain_until ?? ""}`;
  const label = before !== undefined && nameOf(before) === name ? "" : text(left - 8, y + 10, shortened(name), "end");
  return `<g><title>${escaped(tooltip)}</title>${label}<rect class="${state}" x="${start}" y="${y + 2}" width="${round(end - start)}" height="${row - 4}" rx="2"/><line class="promise" x1="${promise}" x2="${promise}" y1="${y}" y2="${y + row}"/>${state === "damaged" ? text(start - 3, y + 11, "✕", "end", "damage") : ""}</g>`;
}

/** Bytes of files in each backup: the oldest of each name on its left. */
export function sizePlot(backups: readonly DatedVerdict[]): string {
  const height = 180;
  const base = height - 24;
  const ordered = backups.toSorted(
    (a, b) => compare(nameOf(a), nameOf(b)) || a.started.getTime() - b.started.getTime(),
  );
  const names = [...new Set(ordered.map(nameOf))];
  const numbers = new Map(names.map((name, number) => [name, number]));
  const largest = Math.max(1, ...ordered.map(({ totals }) => totals?.bytes ?? 0));
  const step = (width - left - right) / Math.max(1, ordered.length + names.length - 1);
  const bars = ordered.map((backup, number) => {
    const x = round(left + (number + (numbers.get(nameOf(backup)) ?? 0)) * step);
    const isFirst = number === 0 || nameOf(ordered[number - 1] ?? backup) !== nameOf(backup);
    return sizeBar(backup, x, round(Math.min(40, Math.max(1, step * 0.8))), largest, base, isFirst);
  });
  return svg(height, "Bytes of files in each backup", [
    `<line class="grid" x1="${left}" x2="${width - right}" y1="16" y2="16"/><line class="grid" x1="${left}" x2="${width - right}" y1="${base}" y2="${base}"/>`,
    text(left - 8, 20, bytes(largest), "end"),
    text(left - 8, base + 4, "0", "end"),
    ...bars,
  ]);
}

function sizeBar(
  backup: DatedVerdict,
  x: number,
  wide: number,
  largest: number,
  base: number,
  labelled: boolean,
): string {
  const size = backup.totals?.bytes ?? 0;
  const tall = round(Math.max(1, (size / largest) * (base - 16)));
  const tooltip = `${nameOf(backup)}, ${moment(backup.started)}: ${bytes(size)}`;
  const label = labelled ? text(x, base + 16, shortened(nameOf(backup)), "start") : "";
  return `<rect class="${backup.state}" x="${x}" y="${round(base - tall)}" width="${wide}" height="${tall}"><title>${escaped(tooltip)}</title></rect>${label}`;
}

const tickCount = 6;

function ticks(from: number, to: number, x: (time: number) => number, height: number): string[] {
  return Array.from({ length: tickCount }, (_, number) => {
    const time = from + ((to - from) * number) / (tickCount - 1);
    const anchor = number === 0 ? "start" : number === tickCount - 1 ? "end" : "middle";
    const line = `<line class="grid" x1="${x(time)}" x2="${x(time)}" y1="${axis - 4}" y2="${height}"/>`;
    return line + text(x(time), 10, day(new Date(time)), anchor);
  });
}

const day = (time: Date) => time.toISOString().slice(0, 10);
const round = (number: number) => Math.round(number * 10) / 10;
const shortened = (name: string) => (name.length > 22 ? `${name.slice(0, 21)}…` : name);

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end", kind = ""): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${kind && ` class="${kind}"`}>${escaped(words)}</text>`;
}

function svg(height: number, title: string, content: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${content.join("")}</svg>`;
}
