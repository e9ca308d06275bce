/**
 * Decides which backups of one name a policy keeps, and why. Pure, and by the UTC calendar.
 *
 * The rules are those of `restic forget`. Backups are looked at from the newest on: `daily: 7` keeps the newest of each
 * of the last seven days that have any, `weekly` counts ISO weeks, and so on for months and years. If there
 * are fewer such days than asked for, the oldest backup is kept too, so that a young history grows to its full length.
 * `within` counts from the newest backup, not from today: those of a host that no longer runs do not go one by one.
 * A backup is kept if any rule keeps it. The newest is kept by every rule.
 */
import { day } from "../format/day.ts";

/** A stretch of the calendar. Months are those of the calendar: six of them before 31 August end on 28 February. */
export type Span = {
  readonly months: number;
  readonly days: number;
  /** As the user wrote it. */
  readonly text: string;
};

/** At least one rule. Numbers are whole and positive. */
export type Policy = {
  readonly last?: number | undefined;
  readonly daily?: number | undefined;
  readonly weekly?: number | undefined;
  readonly monthly?: number | undefined;
  readonly yearly?: number | undefined;
  readonly within?: Span | undefined;
};

export type Dated = { readonly key: string; readonly time: Date };

export type PolicyDecision<Backup extends Dated> = {
  readonly backup: Backup;
  /** Such as `daily`, `oldest monthly`, `within 30d`; empty if no rule keeps it. */
  readonly reasons: readonly string[];
};

/**
 * Applies a policy to backups of one name, in any order; returns them newest first. Of two backups of the same second, the one
 * with the later key is newer.
 */
export function applyPolicy<Backup extends Dated>(
  backups: readonly Backup[],
  policy: Policy,
): PolicyDecision<Backup>[] {
  const newestFirst = [...backups].sort(newerFirst);
  const rules = rulesOf(policy, newestFirst[0]?.time);
  return newestFirst.map((backup, number) => {
    const oldest = number === newestFirst.length - 1;
    const reasons = rules.flatMap((rule) => rule(backup.time, oldest) ?? []);
    return { backup, reasons: reasons.length === 0 ? none : reasons };
  });
}

/** One for all: of very many backups, few are kept. */
const none: readonly string[] = [];

function newerFirst(one: Dated, other: Dated): number {
  const apart = other.time.getTime() - one.time.getTime();
  if (apart !== 0) return apart;
  return one.key < other.key ? 1 : -1;
}

/** Called for each backup, newest first: returns why it is kept; undefined if this rule does not keep it. */
type Rule = (time: Date, oldest: boolean) => string | undefined;

function rulesOf({ last, daily, weekly, monthly, yearly, within }: Policy, newest: Date | undefined): Rule[] {
  const rules: Rule[] = [];
  if (last !== undefined) rules.push(newestOnes(last));
  if (daily !== undefined) rules.push(oneOfEach("daily", daily, (time) => isoDate(time)));
  if (weekly !== undefined) rules.push(oneOfEach("weekly", weekly, mondayBefore));
  if (monthly !== undefined) rules.push(oneOfEach("monthly", monthly, (time) => isoDate(time).slice(0, -3)));
  if (yearly !== undefined) rules.push(oneOfEach("yearly", yearly, (time) => String(time.getUTCFullYear())));
  if (within !== undefined && newest !== undefined) rules.push(since(before(newest, within), `within ${within.text}`));
  return rules;
}

function newestOnes(most: number): Rule {
  let left = most;
  return () => {
    left -= 1;
    return left >= 0 ? "last" : undefined;
  };
}

function oneOfEach(name: string, most: number, periodOf: (time: Date) => string): Rule {
  let left = most;
  let period: string | undefined;
  return (time, oldest) => {
    const isNew = periodOf(time) !== period;
    if (left === 0 || !(isNew || oldest)) return undefined;
    period = periodOf(time);
    left -= 1;
    return isNew ? name : `oldest ${name}`;
  };
}

function since(start: Date, reason: string): Rule {
  return (time) => (time >= start ? reason : undefined);
}

function isoDate(time: Date): string {
  return time.toISOString().split("T")[0] ?? "";
}

/** ISO weeks begin on Monday; that Monday names the week, also over the turn of a year. */
function mondayBefore(time: Date): string {
  const sinceMonday = (time.getUTCDay() + 6) % 7;
  return isoDate(new Date(time.getTime() - sinceMonday * day));
}

function before(time: Date, { months, days }: Span): Date {
  const moved = new Date(time);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() - months);
  const lastOfMonth = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(time.getUTCDate(), lastOfMonth));
  return new Date(moved.getTime() - days * day);
}
