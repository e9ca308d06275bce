/** The options `--keep-…` of prune and renew. */
import { exitStatus, Failure } from "../../core/failure.ts";
import type { Policy, Span } from "../../core/steward/policy.ts";
import type { Option, Words } from "../subcommand.ts";

export const policyOptions: readonly Option[] = [
  { flag: "--keep-last <n>", help: "Keep the newest n backups of each name" },
  { flag: "--keep-daily <n>", help: "Keep the newest backup of each of the last n days that have one (UTC)" },
  { flag: "--keep-weekly <n>", help: "Keep the newest of each of the last n weeks, from Monday on" },
  { flag: "--keep-monthly <n>", help: "Keep the newest of each of the last n months" },
  { flag: "--keep-yearly <n>", help: "Keep the newest of each of the last n years" },
  { flag: "--keep-within <time>", help: "Keep all within this time before the newest one: 30d, 12w, 6m, 2y, 1y6m" },
];

/** Undefined if no rule is given, which never means "keep nothing". */
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
  throw unusable(option, text, "it is not a time span", "write it like 30d, 12w, 6m, 2y");
}

/** The value of an option that takes a whole number of at least 1. */
export function wholeNumber(option: string, words: Words): number | undefined {
  const text = words.value(option);
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw unusable(option, text, "it is not a whole number of at least 1", `give a number, or leave --${option} out`);
}

function unusable(option: string, what: string, why: string, remedy: string): Failure {
  return new Failure({ doing: `use --${option}`, what, why, remedy, exit: exitStatus.usage });
}

/** The names to work on: the operands, or `--name`, which users may give out of habit; undefined for all names. */
export function namesOf(words: Words): readonly string[] | undefined {
  const { operands } = words;
  const option = words.value("name");
  if (option === undefined || operands.every((operand) => operand === option)) {
    return operands.length > 0 ? operands : option === undefined ? undefined : [option];
  }
  const why = `--name says ${JSON.stringify(option)}`;
  throw new Failure({
    doing: "choose the backups of",
    what: operands.join(" "),
    why,
    remedy: "give one of them",
    exit: exitStatus.usage,
  });
}

/** The error if no rule says what to keep. */
export function noPolicy(subcommand: string): Failure {
  return new Failure({
    doing: subcommand,
    why: "no rule says which backups to keep",
    remedy: "give at least one --keep option, such as --keep-daily 14 --keep-monthly 12",
    exit: exitStatus.usage,
  });
}

/** Parses `30d`, `12w`, `6m`, `2y`, or several of these in a row; undefined for anything else, and for a span of zero. */
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
