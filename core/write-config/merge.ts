/**
 * Changes single settings of a file in the dialect of `conf`, which AWS credentials files share, and nothing else: comments,
 * order, unknown keys, line ends and layout stay byte for byte, so that the file's author recognises it.
 *
 * Guarantees that `parseConf` reads the same from the result as before, with the changes. Merging twice changes nothing more.
 */
import { type Conf, parseConf, type Section } from "../config/dialect.ts";

/** Values of one line by section and key (lower case); undefined removes the key. */
export type Changes = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** A line, and its line end as in the file; empty after the last line. */
type ConfLine = { readonly text: string; readonly end: string };

/** Returns the text with the changes. Throws a Failure (exit 2) if the text is not in the dialect. `file` is named in errors. */
export function merged(text: string, changes: Changes, file: string): string {
  let result = text;
  for (const [section, keys] of Object.entries(changes)) {
    for (const [key, value] of Object.entries(keys)) result = withSetting(result, section, key, value, file);
  }
  return result;
}

function withSetting(text: string, name: string, key: string, value: string | undefined, file: string): string {
  const conf = parseConf(text, file);
  const section = conf.get(name);
  const setting = section?.settings.get(key);
  if (setting?.value === value) return text;
  const lines = linesOf(text);
  if (setting !== undefined) return joined(replaced(lines, setting.line - 1, endOf(setting.line, conf), value));
  if (value === undefined) return text;
  const fresh = `${key} = ${value}`;
  return section === undefined
    ? joined(appended(lines, name, fresh))
    : joined(inserted(lines, placeIn(section, conf, lines), fresh));
}

function linesOf(text: string): ConfLine[] {
  const pieces = text.split(/(\r\n|\r|\n)/);
  const lines: ConfLine[] = [];
  for (let at = 0; at < pieces.length; at += 2) lines.push({ text: pieces[at] ?? "", end: pieces[at + 1] ?? "" });
  return lines;
}

function joined(lines: readonly ConfLine[]): string {
  return lines.map(({ text, end }) => text + end).join("");
}

/** Index of the next header or key after this line (counted from 1), which ends the value that begins in it. */
function endOf(line: number, conf: Conf): number {
  const starts = [...conf.values()].flatMap(({ line, settings }) => [
    line,
    ...[...settings.values()].map((one) => one.line),
  ]);
  return Math.min(...starts.filter((start) => start > line)) - 1;
}

/** Returns whether a line belongs to a value: comments and empty lines between do not. */
function isValue({ text }: ConfLine): boolean {
  return !/^\s*([#;]|$)/.test(text);
}

function replaced(lines: readonly ConfLine[], first: number, end: number, value: string | undefined): ConfLine[] {
  return lines.flatMap((line, index) => {
    if (index < first || index >= end || !isValue(line)) return [line];
    return index === first && value !== undefined ? [{ ...line, text: keyOf(line.text) + value }] : [];
  });
}

/** The text before the value. If there was no value, adds a space after the separator if there is one before it. */
function keyOf(text: string): string {
  const [key = ""] = /^[^=:]*[=:]\s*/.exec(text) ?? [];
  return /\s[=:]$/.test(key) ? `${key} ` : key;
}

/** InsertionPoint for a new key: `after` is the index of the line before it. */
type InsertionPoint = { readonly after: number; readonly indent: string };

/**
 * InsertionPoint after the last value of the section, with the indent of its key. A section without keys may be followed by an indented
 * header: a key with a smaller indent would take that header as the rest of its value.
 */
function placeIn(section: Section, conf: Conf, lines: readonly ConfLine[]): InsertionPoint {
  const last = [...section.settings.values()].at(-1)?.line;
  if (last === undefined) {
    const next = [...conf.values()].find(({ line }) => line > section.line)?.line;
    return { after: section.line - 1, indent: indentOf(lines, next) };
  }
  const end = endOf(last, conf);
  const after = lines.findLastIndex((line, index) => index < end && isValue(line));
  return { after, indent: indentOf(lines, last) };
}

/** Indent of a line, counted from 1. */
function indentOf(lines: readonly ConfLine[], line: number | undefined): string {
  return /^\s*/.exec(lines[(line ?? 0) - 1]?.text ?? "")?.[0] ?? "";
}

function inserted(lines: readonly ConfLine[], { after, indent }: InsertionPoint, text: string): ConfLine[] {
  const newline = newlineOf(lines);
  return lines.flatMap((line, index) => {
    if (index !== after) return [line];
    return [
      { ...line, end: line.end || newline },
      { text: indent + text, end: line.end },
    ];
  });
}

function appended(lines: readonly ConfLine[], name: string, text: string): ConfLine[] {
  const end = newlineOf(lines);
  const before =
    lines.at(-1)?.text === "" ? lines.slice(0, -1) : lines.map((line) => ({ ...line, end: line.end || end }));
  const gap = before.length === 0 || before.at(-1)?.text === "" ? [] : [{ text: "", end }];
  return [...before, ...gap, { text: `[${name}]`, end }, { text, end }];
}

function newlineOf(lines: readonly ConfLine[]): string {
  return lines[0]?.end || "\n";
}
