/** Formats what backup names hold, for prune and renew. */
import type { Holding } from "../../core/steward/growth.ts";
import { bytes, type Column, count, counted, table } from "../terminal/format.ts";

/** Anybody who may put can add names; `--json` has all. */
const mostNames = 50;

export function holdingLines(holdings: readonly Holding[]): string[] {
  const right = (title: string): Column => ({ title, align: "right" });
  const columns = [{ title: "name" }, right("backups"), right("last week"), right("holds")];
  // Only prune knows what came in the last week.
  if (holdings.some(({ newBytes }) => newBytes !== undefined)) columns.push(right("last week"));
  const rows = holdings.slice(0, mostNames).map(({ name, backups, newBackups, bytes: size, newBytes }) => {
    const recent = newBytes === undefined ? [] : [bytes(newBytes)];
    return [name, count(backups), count(newBackups), bytes(size), ...recent];
  });
  const rest = holdings.length - rows.length;
  return rows.length === 0 ? [] : [...table(columns, rows), ...(rest > 0 ? [`and ${counted(rest, "more name")}`] : [])];
}
