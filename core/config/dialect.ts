/**
 * Reads the INI dialect of Python's `configparser`, in which `conf` files of s3-sysbackup are written:
 *
 * - `[section]` headers; `key = value` or `key: value`, split at the first `=` or `:`; keys in any case.
 * - Lines that start with `#` or `;` are comments; a `#` further right belongs to the value.
 * - A line indented deeper than its key continues the value, with a newline between; empty lines within are kept.
 * - A section or a key given twice is an error (configparser's strict mode). There is no interpolation, and
 *   `[DEFAULT]` is a section like any other: `legacy.ts` has both, for files that were written for s3-sysbackup.
 */
import { exitStatus, Failure } from "../failure.ts";

/** A value, and its line, counted from 1. */
type Setting = { readonly value: string; readonly line: number };

export type Section = { readonly line: number; readonly settings: ReadonlyMap<string, Setting> };

/** Sections by name, settings by lower-case key, both in the order of the file. */
export type Conf = ReadonlyMap<string, Section>;

type OpenSection = { line: number; settings: Map<string, Setting>; name: string };

/** What Python takes for spaces: JavaScript also takes U+FEFF for one. */
const space = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const notSpace = new RegExp(space.replace("[", "[^"));
const atEnd = new RegExp(`${space}+$`);
const around = new RegExp(`^${space}+|${space}+$`, "g");

function stripped(text: string): string {
  return text.replace(around, "");
}

/** Throws a Failure (exit 2) at the first line that is not in the dialect. `file` is named in errors. */
export function parseConf(text: string, file: string): Conf {
  const sections = new Map<string, OpenSection>();
  let section: OpenSection | undefined;
  let key: string | undefined;
  let keyIndent = 0;

  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = index + 1;
    const content = stripped(raw);
    if (/^[#;]/.test(content)) continue;
    const indent = raw.search(notSpace);
    if (section !== undefined && key !== undefined && (content === "" || indent > keyIndent)) {
      continueValue(section, key, content);
      continue;
    }
    if (content === "") continue;
    keyIndent = indent;

    const header = /^\[(.+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      const first = sections.get(header);
      if (first) throw refused(file, line, `section [${header}] is already in line ${first.line}`);
      section = { name: header, line, settings: new Map() };
      sections.set(header, section);
      key = undefined;
    } else {
      if (!section) throw refused(file, line, "a setting comes before the first [section]");
      key = addSetting(section, content, line, file);
    }
  }
  return finished(sections);
}

function addSetting(section: OpenSection, content: string, line: number, file: string): string {
  const [, written = "", value = ""] = /^(.*?)\s*[=:]\s*(.*)$/s.exec(content) ?? [];
  // The line is not quoted: it may be a secret that was put here by mistake, and many people read logs.
  if (written === "") throw refused(file, line, 'it is neither "key = value" nor [section]');
  const key = written.toLowerCase();
  const first = section.settings.get(key);
  if (first) throw refused(file, line, `[${section.name}] ${key} is already in line ${first.line}`);
  section.settings.set(key, { value, line });
  return key;
}

function continueValue(section: OpenSection, key: string, content: string) {
  const setting = section.settings.get(key);
  if (setting) section.settings.set(key, { ...setting, value: `${setting.value}\n${content}` });
}

/** Trims empty lines at the end of a value, which reading made part of it. */
function finished(sections: ReadonlyMap<string, OpenSection>): Conf {
  const trimmed = ([key, { value, line }]: [string, Setting]): [string, Setting] => [
    key,
    { value: value.replace(atEnd, ""), line },
  ];
  return new Map(
    [...sections].map(([name, { line, settings }]) => [name, { line, settings: new Map([...settings].map(trimmed)) }]),
  );
}

function refused(file: string, line: number, why: string): Failure {
  return new Failure({
    doing: "read the configuration",
    what: file,
    why: `line ${line}: ${why}`,
    exit: exitStatus.usage,
  });
}
