/**
 * Quotes paths and words for units. systemd expands `%` everywhere, and `$` in the words of a command after the first. Quotes
 * and backslashes are special in lists and commands. A text that no quoting can express is a Failure (exit 2).
 */
import { isAbsolute } from "node:path";
import { exitStatus, Failure } from "../failure.ts";

/** A value of `ExecStart=`. The first word, the program, must be an absolute path, without quotes and backslashes. */
export function commandLine(words: readonly string[]): string {
  const [program = "", ...rest] = words;
  if (/["'\\]/.test(program))
    throw unfit(program, "it has a quote or a backslash, which systemd does not allow in a program");
  return [quotedPath(program), ...rest.map(quotedWord)].join(" ");
}

/** Quotes a word of a command after its first. */
export function quotedWord(word: string): string {
  return quoted(word).replaceAll("$", () => "$$");
}

/** Quotes an absolute path in a list. */
export function quotedPath(path: string): string {
  return quoted(absolute(path));
}

/** An absolute path for settings whose whole value it is: these have no quotes. */
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

/** Refuses control characters: a line break would begin another setting. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) throw unfit(text, "it has a line break or another control character");
  return text;
}

function unfit(what: string, why: string): Failure {
  const remedy = "choose another path";
  return new Failure({ doing: "write into a systemd unit", what, why, remedy, exit: exitStatus.usage });
}
