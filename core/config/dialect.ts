/**
 * Reads the INI dialect of Python's `configparser`, in which s3-sysbackup's `conf` files are written:
 *
 * - `[section]` headers; `key = value` or `key: value`, split at the first `=` or `:`; keys in any case.
 * - Lines that start with `#` or `;` are comments; a `#` further right belongs to the value.
 * - A line indented deeper than its key continues the value, with a newline between; empty lines within are kept.
 * - A section or a key given twice is an error (configparser's strict mode). There is no interpolation, and
 *   `[DEFAULT]` is a section like any other.
 */
import { exitStatus, Failure } from "../failure.ts";

type Setting = { readonly value: string /** Counted from 1. */; readonly line: number };

export type Section = { readonly line: number; readonly settings: ReadonlyMap<string, Setting> };

/** Sections by name, settings by lower-case key, both in the order of the file. */
export type Conf = ReadonlyMap<string, Section>;

type OpenSection = { line: number; settings: Map<string, Setting>; name: string };

/** `file` is named in errors. Throws a Failure (exit 2) at the first line that is not of the dialect. */
export function parseConf(text: string, file: string): Conf {
  const sections = new Map<string, OpenSection>();
  let section: OpenSection | undefined;
  let key: string | undefined;
  let keyIndent = 0;

  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (/^[#;]/.test(content)) continue;
    const indent = raw.search(/\S/);
    if (section !== undefined && key !== undefined && (content === "" || indent > keyIndent)) {
      continueValue(section, key, content);
      continue;
    }
    if (content === "") continue;
    keyIndent = indent;

    const header = /^\[(.+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      const first = sections.get(header);
      if (first) throw refused(file, line, `section [${header}] is there already, in line ${first.line}`);
      section = { name: header, line, settings: new Map() };
      sections.set(header, section);
      key = undefined;
    } else {
      if (!section) throw refused(file, line, "a setting stands before the first [section]");
      key = addSetting(section, content, line, file);
    }
  }
  return finished(sections);
}

function addSetting(section: OpenSection, content: string, line: number, file: string): string {
  const [, written = "", value = ""] = /^(.*?)\s*[=:]\s*(.*)$/.exec(content) ?? [];
  // What the line says is not repeated: it may be a secret that came here by mistake, and logs are read by many.
  if (written === "") throw refused(file, line, 'it is neither "key = value" nor [section]');
  const key = written.toLowerCase();
  const first = section.settings.get(key);
  if (first) throw refused(file, line, `[${section.name}] ${key} is there already, in line ${first.line}`);
  section.settings.set(key, { value, line });
  return key;
}

function continueValue(section: OpenSection, key: string, content: string) {
  const setting = section.settings.get(key);
  if (setting) section.settings.set(key, { ...setting, value: `${setting.value}\n${content}` });
}

/** Empty lines after a value became part of it while reading: they go now, as nothing followed them. */
function finished(sections: ReadonlyMap<string, OpenSection>): Conf {
  const trimmed = ([key, { value, line }]: [string, Setting]): [string, Setting] => [
    key,
    { value: value.trimEnd(), line },
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
