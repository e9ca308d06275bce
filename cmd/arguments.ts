/**
 * Reads the command line with cac, strictly. cac alone turns `--name 007` into 7, takes the next word for the value of
 * `--name=` and after `--numeric-owner` (its list of flags has no dashes), understands `--no-x` for any x, and goes on
 * after `--help` whatever else is wrong. So the words are checked before, and guarded against its guesses.
 */
import { cac } from "cac";
import { nearest } from "../core/config/nearest.ts";
import { exitStatus, Failure } from "../core/failure.ts";
import { isPlainText } from "../core/format/argument.ts";
import { absolutePath } from "../core/system/processes/command-line.ts";
import { completed, withLetters } from "./short-options.ts";
import type { Option, Subcommand, Words } from "./subcommand.ts";
import { commonOptions, program } from "./subcommands.ts";

export type CommandLine =
  /** `show` prints it to stdout. */
  | { readonly kind: "help"; show(): void }
  | { readonly kind: "version" }
  | { readonly kind: "run"; readonly subcommand: Subcommand; readonly words: Words };

const helpOptions: readonly Option[] = [
  { flag: "-h, --help", help: "Show this" },
  { flag: "--version", help: "Show the version" },
];

/** Parses `words`, which are without program and script. Throws a Failure (exit 2) for words that are unknown or unusable. */
export function parseArguments(words: readonly string[], known: readonly Subcommand[]): CommandLine {
  const subcommands = known.map(withLetters);
  const general = [...commonOptions, ...helpOptions];
  const named = namedIn(words, subcommands, general);
  const all = [...general, ...subcommands.flatMap(({ options }) => options)];
  const { line, used } = unambiguous(words, rulesOf(all, [...general, ...(named?.options ?? [])]));
  // cac reads the whole line once for each subcommand that it knows: 5 of 80 ms of processor time of a small archive.
  const cli = cacOf(named === undefined ? subcommands : [named]);
  cli.parse(["", "", ...line], { run: false });

  const subcommand = subcommands.find(({ name }) => name === cli.matchedCommand?.name);
  if (cli.options.version) return { kind: "version" };
  if (!subcommand) {
    const [unknown] = cli.args;
    if (unknown !== undefined) throw unknownSubcommand(unguarded(unknown), subcommands);
    if (!cli.options.help) throw usage("run", undefined, "no subcommand is given", "see sysbackup --help");
    return { kind: "help", show: () => cli.outputHelp() };
  }
  checkBelongs(used, subcommand);
  if (cli.options.help) return { kind: "help", show: () => cli.outputHelp() };
  checkOperands(cli.args, subcommand);
  const parsed = wordsOf(cli.args, cli.options, used);
  checkText(parsed, subcommand);
  return { kind: "run", subcommand, words: parsed };
}

function cacOf(subcommands: readonly Subcommand[]) {
  const cli = cac("sysbackup");
  for (const { name, operands, summary, options, examples } of subcommands) {
    const command = cli.command(operands === "" ? name : `${name} ${operands}`, summary);
    for (const option of options) command.option(option.flag, option.help, { default: option.default });
    for (const example of examples) command.example(`  $ ${example}`);
  }
  for (const option of [...commonOptions, ...helpOptions]) {
    cli.option(option.flag, option.help, { default: option.default });
  }
  cli.globalCommand.helpCallback = (sections) => {
    const { summary, details } = subcommands.find(({ name }) => name === cli.matchedCommand?.name) ?? program;
    // The first section is the bare program name; the one dropped repeats the list of commands.
    const kept = sections.slice(1).filter(({ title }) => !title?.startsWith("For more info"));
    const tidied = kept.map((section) => ({
      ...section,
      body: section.body.replace(/(?: \(default: true\))? *$/gm, ""),
    }));
    return [{ body: summary }, ...(details === undefined ? [] : [{ body: details }]), ...tidied];
  };
  return cli;
}

type Spelling = { readonly names: readonly string[]; readonly takesValue: boolean | RegExp };

/** The spellings of an option, and whether it takes a value: always, never, or only if the next word matches. */
function spelled({ flag, value }: Option): Spelling {
  return { names: flag.match(/--?[a-z0-9-]+/g) ?? [], takesValue: value ?? flag.includes("<") };
}

/** Returns the subcommand: the first word that is neither an option nor, as far as can be seen before it is known, the value of one. */
function namedIn(words: readonly string[], subcommands: readonly Subcommand[], general: readonly Option[]) {
  const spellings = [...general, ...subcommands.flatMap(({ options }) => options)].map(spelled);
  const withName = (word: string | undefined) => subcommands.find(({ name }) => name === word);
  for (const [index, word] of words.entries()) {
    const next = words[index + 1];
    if (word === "--") return withName(next);
    if (word.startsWith("-")) continue;
    const before = words[index - 1];
    const isValue = before?.startsWith("-") === true && mayTake(before, word, spellings, withName(word) !== undefined);
    if (!isValue) return withName(word);
  }
  return undefined;
}

/** Returns whether a word may be the value of the option before it. If some options of that name take one, a subcommand is none. */
function mayTake(option: string, word: string, spellings: readonly Spelling[], isSubcommand: boolean): boolean {
  const known = new Map(spellings.flatMap(({ names, takesValue }) => names.map((name) => [name, takesValue])));
  const flag = (lettersIn(option, known).at(-1) ?? option).replaceAll("_", "-");
  const exact = spellings.filter(({ names }) => names.includes(flag));
  const begun = spellings.filter(({ names }) => flag.startsWith("--") && names.some((name) => name.startsWith(flag)));
  const takes = (exact.length > 0 ? exact : begun).map(({ takesValue }) =>
    takesValue instanceof RegExp ? takesValue.test(word) : takesValue,
  );
  return isSubcommand ? takes.length > 0 && takes.every(Boolean) : takes.some(Boolean);
}

/** Marks text that cac must take as it is: no word of a command line can hold this character. */
const guard = "\0";

function unguarded(word: string): string {
  return word.startsWith(guard) ? word.slice(1) : word;
}

type TakesValue = ReadonlyMap<string, Spelling["takesValue"]>;

/** What may be written, by the spellings of options: `-t`, `--target`. */
type Rules = {
  readonly takesValue: TakesValue;
  /** The long spelling of each. */
  readonly longs: ReadonlyMap<string, string>;
  readonly mayBeEmpty: ReadonlySet<string>;
  readonly repeats: ReadonlySet<string>;
  /** Those of which the beginning is enough. */
  readonly own: readonly string[];
};

/** `own`: the options of the subcommand. Another may have one of the same name, with a value or without: ours counts. */
function rulesOf(options: readonly Option[], own: readonly Option[]): Rules {
  const spellings = [...options, ...own].map(spelled);
  const namesOf = (chosen: readonly Option[]) => chosen.flatMap((option) => spelled(option).names);
  return {
    takesValue: new Map(spellings.flatMap(({ names, takesValue }) => names.map((name) => [name, takesValue]))),
    // The long one comes last.
    longs: new Map(spellings.flatMap(({ names }) => names.map((name) => [name, names.at(-1) ?? name]))),
    mayBeEmpty: new Set(namesOf(options.filter((option) => option.mayBeEmpty))),
    repeats: new Set(namesOf(options.filter((option) => option.repeats))),
    own: namesOf(own),
  };
}

/** Joins each option and its value into one word that leaves nothing to guess. Also returns the options used. */
function unambiguous(words: readonly string[], rules: Rules) {
  const line: string[] = [];
  const used = new Set<string>();
  // The next word is the last one, as taking the first of very many is slow.
  const rest = words.toReversed();
  for (let word = rest.pop(); word !== undefined; word = rest.pop()) {
    if (word === "--") {
      line.push(...guardedOperands(rest.toReversed(), line));
      break;
    }
    const letters = lettersIn(word, rules.takesValue);
    if (letters.length > 0) rest.push(...letters.toReversed());
    else if (word.startsWith("-")) line.push(joinedOption(word, rest, used, rules));
    else line.push(word);
  }
  return { line, used };
}

/** Without a word before them that is no option, the first is the subcommand: cac has to know it by its name. */
function guardedOperands(operands: readonly string[], line: readonly string[]): string[] {
  const isNamed = line.some((word) => !word.startsWith("-"));
  return operands.map((operand, at) => (isNamed || at > 0 || operand.startsWith("-") ? guard : "") + operand);
}

/** Joins an option to its value, which it takes from the `rest` if it is the next word. */
function joinedOption(word: string, rest: string[], used: Set<string>, rules: Rules): string {
  const [, typed = "", written] = /^([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const flag = knownFlag(typed, rules);
  const takesValue = rules.takesValue.get(flag);
  if (takesValue === undefined) throw unknownOption(flag, [...rules.takesValue.keys()]);
  const long = rules.longs.get(flag) ?? flag;
  if (used.has(long) && !rules.repeats.has(long)) throw usage("use option", flag, "it is given twice");
  used.add(long);
  if (written === "" && !rules.mayBeEmpty.has(flag)) throw emptyValue(flag);
  if (takesValue instanceof RegExp) {
    const next = rest.at(-1);
    const follows = written === undefined && next !== undefined && takesValue.test(next);
    return `${flag}=${guard}${(follows ? rest.pop() : written) ?? ""}`;
  }
  if (takesValue) return `${flag}=${guard}${written ?? nextValue(flag, rest.pop(), rules.mayBeEmpty)}`;
  if (written === undefined) return `${flag}=true`;
  throw usage("use option", flag, "it takes no value");
}

/** Returns the option that is meant: also by its beginning, or spelled with `_` as scripts before this program did. */
function knownFlag(typed: string, { takesValue, own }: Rules): string {
  const dashed = typed.replaceAll("_", "-");
  return takesValue.has(dashed) ? dashed : (completed(dashed, own) ?? typed);
}

/**
 * Returns the options that letters behind one dash stand for, as `-qn` and `-tdir`; none if it is no such word. The value of the last one is
 * joined to it.
 */
function lettersIn(word: string, known: TakesValue): string[] {
  const found: string[] = [];
  if (!/^-[A-Za-z][^=]/s.test(word)) return found;
  for (let at = 1; at < word.length; at += 1) {
    const letter = `-${word[at]}`;
    const takesValue = known.get(letter);
    if (takesValue === undefined) return [];
    if (takesValue !== false && at + 1 < word.length)
      return [...found, `${letter}=${word.slice(at + 1).replace(/^=/, "")}`];
    found.push(letter);
  }
  return found;
}

function nextValue(flag: string, word: string | undefined, mayBeEmpty: ReadonlySet<string>): string {
  if (word === "" && !mayBeEmpty.has(flag)) throw emptyValue(flag);
  // A lone dash stands for stdin.
  if (word !== undefined && (word === "-" || !word.startsWith("-"))) return word;
  throw usage("use option", flag, "it needs a value", `write ${flag}=value`);
}

/** Refuses bytes that are not UTF-8 if no path is meant, or one that the program hands on as text. */
function checkText(words: Words, { name, options, operandsArePaths = false }: Subcommand) {
  for (const { flag, isPath = false } of options) {
    const [option = ""] = flag.match(/--[a-z0-9-]+/) ?? [];
    const value = words.value(option.slice(2));
    if (!isPath && value !== undefined && !isPlainText(value)) throw notText("use option", option, value);
  }
  const operand = words.operands.find((word) => !isPlainText(word));
  if (operand !== undefined && !operandsArePaths) throw notText(`run ${name}`, undefined, operand);
}

function notText(doing: string, what: string | undefined, word: string): Failure {
  return usage(doing, what, `${JSON.stringify(word)} is not UTF-8`, "give another name");
}

const giveValue = "give a value, or leave it out";

/** Refuses an unset variable in a script: as a path, nothing would mean the current folder. */
function emptyValue(flag: string): Failure {
  return usage("use option", flag, "its value is empty, as that of an unset variable is", giveValue);
}

function checkBelongs(used: ReadonlySet<string>, subcommand: Subcommand) {
  const own = [...commonOptions, ...helpOptions, ...subcommand.options].flatMap((option) => spelled(option).names);
  for (const flag of used) if (!own.includes(flag)) throw unknownOption(flag, own, subcommand.name);
}

function checkOperands(given: readonly string[], { name, operands }: Subcommand) {
  if (given.some((operand) => unguarded(operand) === "")) {
    throw usage(`run ${name}`, undefined, "an argument is empty, as an unset variable is", giveValue);
  }
  const [missing] = (operands.match(/<[^>]+>/g) ?? []).slice(given.length);
  if (missing !== undefined)
    throw usage(`run ${name}`, undefined, `it needs ${missing}`, `see sysbackup ${name} --help`);
  const maximum = operands.includes("...") ? Number.POSITIVE_INFINITY : operands.split(" ").filter(Boolean).length;
  const extra = given[maximum];
  if (extra !== undefined)
    throw usage(`run ${name}`, undefined, `${JSON.stringify(unguarded(extra))} is one word too many`);
}

function unknownOption(flag: string, known: readonly string[], subcommand?: string): Failure {
  const why = subcommand === undefined ? "there is no such option" : `${subcommand} has no such option`;
  // Any letter is near to any other.
  const long = known.filter((name) => name.startsWith("--"));
  return usage("use option", flag, why, hint(flag, long, `see sysbackup ${subcommand ?? ""} --help`));
}

function unknownSubcommand(word: string, subcommands: readonly Subcommand[]): Failure {
  const known = subcommands.map(({ name }) => name);
  const remedy = word === "help" ? "see sysbackup --help" : hint(word, known, `known are ${known.join(", ")}`);
  return usage("run", word, "there is no such subcommand", remedy);
}

function hint(word: string, known: readonly string[], otherwise: string): string {
  const near = nearest(word, known);
  return near === undefined ? otherwise.replace(/ +/g, " ") : `did you mean ${near}?`;
}

function usage(doing: string, what: string | undefined, why: string, remedy?: string): Failure {
  const optional = { ...(what !== undefined && { what }), ...(remedy !== undefined && { remedy }) };
  return new Failure({ doing, why, ...optional, exit: exitStatus.usage });
}

function wordsOf(
  operands: readonly string[],
  options: Readonly<Record<string, unknown>>,
  used: ReadonlySet<string>,
): Words {
  const option = (name: string) => options[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
  const value = (name: string) => {
    const written = option(name);
    return typeof written === "string" ? unguarded(written) : undefined;
  };
  return {
    operands: operands.map(unguarded),
    value,
    values(name) {
      const written = option(name);
      const all: readonly unknown[] = Array.isArray(written) ? written : [written];
      return all.filter((one) => typeof one === "string").map(unguarded);
    },
    path(name) {
      const written = value(name);
      return written === undefined ? undefined : absolutePath(written);
    },
    // Looked up by flag, as cac takes `--no-x` for the opposite of some `--x`.
    given: (name) => used.has(`--${name}`),
  };
}
