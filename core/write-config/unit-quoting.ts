/**
 * Paths and words as units hold them. systemd expands `%` everywhere, and `$` in the words of a command after the first;
 * quotes and backslashes mean something in lists and commands. What no quoting can hold is a Failure (exit 2).
 */
import { isAbsolute } from "node:path";
import { exitStatus, Failure } from "../failure.ts";

/** For `ExecStart=`. The first word, the program, must be an absolute path, without quotes and backslashes. */
export function commandLine(words: readonly string[]): string {
  const [program = "", ...rest] = words;
  if (/["'\\]/.test(program)) throw unfit(program, "it has a quote or a backslash, which systemd allows in no program");
  return [quotedPath(program), ...rest.map(quotedWord)].join(" ");
}

/** For words of a command after its first. */
export function quotedWord(word: string): string {
  return quoted(word).replaceAll("$", () => "$$");
}

/** For lists of absolute paths. */
export function quotedPath(path: string): string {
  return quoted(absolute(path));
}

/** For settings whose value is one absolute path: they know no quotes. */
export function barePath(path: string): string {
  const text = absolute(path);
  if (text !== text.trim()) throw unfit(text, "it begins or ends with a space");
  if (text.endsWith("\\")) throw unfit(text, "it ends with a backslash");
  return percents(text);
}

function quoted(text: string): string {
  const escaped = percents(printable(text)).replaceAll(/["\\]/g, (character) => `\\${character}`);
  return /^[\w@%+=:,./-]+$/.test(text) ? escaped : `"${escaped}"`;
}

function percents(text: string): string {
  return text.replaceAll("%", "%%");
}

function absolute(path: string): string {
  if (!isAbsolute(path)) throw unfit(path, "it is not an absolute path");
  return printable(path);
}

/** A line break would begin a setting of its own. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) throw unfit(text, "it has a line break or another control character");
  return text;
}

function unfit(what: string, why: string): Failure {
  const remedy = "choose another path";
  return new Failure({ doing: "write into a systemd unit", what, why, remedy, exit: exitStatus.usage });
}
