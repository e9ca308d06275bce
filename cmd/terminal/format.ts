/** Formats numbers for people, without regard to the locale. */
import { Garbage } from "../../core/system/threads/garbage.ts";

/** `54,613` */
export function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 file`, `54,613 files` */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

const units = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** `999 B`, `1.5 GiB`, `16 MiB`: three digits at most, and no tenths from 100 on. */
export function bytes(number: number): string {
  if (number < 1024) return `${Math.round(number)} B`;
  let scaled = number / 1024;
  let unit = 0;
  // 999.5 would be rounded to four digits.
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled >= 99.95 ? Math.round(scaled) : scaled.toFixed(1)} ${units[unit]}`;
}

/** `85.0 MiB/s` */
export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

/** Formats milliseconds: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `3 d 04 h`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** `2026-11-21 02:00:03 UTC` */
export function moment(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export type Column = { readonly title: string; readonly align?: "left" | "right" };

/** Lines of a table: a row of titles, then the rows, columns two spaces apart and as wide as their widest cell. */
export function table(columns: readonly Column[], rows: Iterable<readonly string[]>): string[] {
  return [...tableLines(columns, rows)];
}

/** Formats rows as `table` does, some at a time: a bucket may hold any number of roots. */
export function* tableLines(columns: readonly Column[], rows: Iterable<readonly string[]>): Generator<string> {
  const table = new LongTable(columns);
  for (const row of rows) yield* table.add(row);
  yield* table.end();
}

const rowsAtOnce = 1_000;
/** What formatting a row leaves. */
const garbageOfRow = 4_096;
const garbage = new Garbage(16 * 1024 * 1024);

/** A table of which rows are formatted as soon as there are many: columns then get as wide as those so far need. */
export class LongTable {
  readonly #columns: readonly Column[];
  readonly #widths: number[];
  #rows: (readonly string[])[];

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#widths = columns.map(() => 0);
    this.#rows = [columns.map(({ title }) => title)];
  }

  /** Returns the lines that are ready. */
  add(row: readonly string[]): string[] {
    this.#rows.push(row);
    return this.#rows.length > rowsAtOnce ? this.end() : [];
  }

  /** Returns all lines that were not returned yet. */
  end(): string[] {
    const rows = this.#rows;
    this.#rows = [];
    garbage.left(rows.length * garbageOfRow);
    for (const cells of rows) {
      for (const [index, cell] of cells.entries()) {
        this.#widths[index] = Math.max(this.#widths[index] ?? 0, Bun.stringWidth(cell));
      }
    }
    return rows.map((cells) =>
      this.#columns
        .map(({ align }, index) => padded(cells[index] ?? "", this.#widths[index] ?? 0, align))
        .join("  ")
        .trimEnd(),
    );
  }
}

function padded(cell: string, width: number, align: Column["align"]): string {
  const space = " ".repeat(Math.max(0, width - Bun.stringWidth(cell)));
  return align === "right" ? space + cell : cell + space;
}

/** Cuts text to `width` columns, with `…` if something is missing; wide characters count two. */
export function fitted(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    used += Bun.stringWidth(character);
    if (used > width - 1) break;
    kept += character;
  }
  return width > 0 ? `${kept}…` : "";
}
