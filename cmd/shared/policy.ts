/** The options `--keep-…` of prune and renew. */
import { exitStatus, Failure } from "../../core/failure.ts";
import type { Policy, Span } from "../../core/steward/policy.ts";
import type { Option, Words } from "../subcommand.ts";

export const policyOptions: readonly Option[] = [
  { flag: "--keep-last <n>", help: "Keep the newest n backups of each name" },
  { flag: "--keep-daily <n>", help: "Keep the newest of each of the last n days that have a backup (UTC)" },
  { flag: "--keep-weekly <n>", help: "Likewise for weeks, from Monday on" },
  { flag: "--keep-monthly <n>", help: "Likewise for months" },
  { flag: "--keep-yearly <n>", help: "Likewise for years" },
  { flag: "--keep-within <time>", help: "Keep all within this time before the newest: 30d, 12w, 6m, 2y, 1y6m" },
];

/** Undefined where no rule is given: that is never taken for "keep nothing". */
export function policyOf(words: Words): Policy | undefined {
  const policy: Policy = {
    last: wholeNumber("keep-last", words),
    daily: wholeNumber("keep-daily", words),
    weekly: wholeNumber("keep-weekly", words),
    monthly: wholeNumber("keep-monthly", words),
    yearly: wholeNumber("keep-yearly", words),
    within: span("keep-within", words),
  };
  return Object.values(policy).some((rule) => rule !== undefined) ? policy : undefined;
}

function span(option: string, words: Words): Span | undefined {
  const text = words.value(option);
  if (text === undefined) return undefined;
  const parsed = parseSpan(text);
  if (parsed !== undefined) return parsed;
  throw unusable(option, text, "it is no span of time", "write it like 30d, 12w, 6m, 2y");
}

/** The value of an option that takes a whole number from 1 on. */
export function wholeNumber(option: string, words: Words): number | undefined {
  const text = words.value(option);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw unusable(option, text, "it is no whole number from 1 on", `leave --${option} out, or give a number`);
}

function unusable(option: string, what: string, why: string, remedy: string): Failure {
  return new Failure({ doing: `use --${option}`, what, why, remedy, exit: exitStatus.usage });
}

/** Whose backups: the operand, or `--name`, which someone may give out of habit; undefined for all. */
export function nameOf(words: Words): string | undefined {
  const [operand] = words.operands;
  const option = words.value("name");
  if (operand === undefined || option === undefined || operand === option) return operand ?? option;
  const why = `--name says ${JSON.stringify(option)}`;
  throw new Failure({
    doing: "choose backups of",
    what: operand,
    why,
    remedy: "give one of them",
    exit: exitStatus.usage,
  });
}

/** Without a rule, it is not known what is to be kept. */
export function noPolicy(subcommand: string): Failure {
  return new Failure({
    doing: subcommand,
    why: "no rule says which backups are to be kept",
    remedy: "give at least one --keep option, such as --keep-daily 14 --keep-monthly 12",
    exit: exitStatus.usage,
  });
}

/** `30d`, `12w`, `6m`, `2y`, or several such after one another; undefined for anything else, and for no time at all. */
function parseSpan(text: string): Span | undefined {
  if (!/^(?:\d{1,5}[dwmy])+$/.test(text)) return undefined;
  let months = 0;
  let days = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)([dwmy])/g)) {
    if (unit === "d" || unit === "w") days += Number(number) * (unit === "w" ? 7 : 1);
    else months += Number(number) * (unit === "y" ? 12 : 1);
  }
  return months + days > 0 ? { months, days, text } : undefined;
}
