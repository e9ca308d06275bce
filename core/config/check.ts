/** Checks `conf` against the schema, and reports errors by file, line and key. */

import type { z } from "zod";
import { exitStatus, Failure } from "../failure.ts";
import type { Conf } from "./dialect.ts";
import { nearest } from "./nearest.ts";
import { anyBundle, bundlePrefix, conf as confSchema, knownKeys } from "./schema.ts";

/** Throws a Failure (exit 2) for the first line that is wrong. `file` is named in errors. */
export function checked(conf: Conf, file: string): z.infer<typeof confSchema> {
  const values = [...conf].map(
    ([name, { settings }]) =>
      [name, Object.fromEntries([...settings].map(([key, { value }]) => [key, value]))] as const,
  );
  const isBundle = (name: string) => name.startsWith(bundlePrefix);
  const bundles = values.filter(([name]) => isBundle(name));
  const written = {
    ...Object.fromEntries(values.filter(([name]) => !isBundle(name)).map(([name, keys]) => [alone(name), keys])),
    bundle: Object.fromEntries(bundles.map(([name, keys]) => [name.slice(bundlePrefix.length), keys])),
  };
  const result = confSchema.safeParse(written);
  if (result.success) return result.data;
  const found = result.error.issues.flatMap((issue) => located(issue, conf));
  const [first] = found.sort((a, b) => Number(a.isMissing ?? false) - Number(b.isMissing ?? false) || a.line - b.line);
  throw new Failure({
    doing: "read the configuration",
    what: file,
    why: `line ${first?.line}: ${first?.why}`,
    exit: exitStatus.usage,
    cause: result.error,
  });
}

/** A section `[bundle]` without a name is unknown. */
function alone(name: string): string {
  return name === "bundle" ? "bundle " : name;
}

/** `isMissing`: a key that is not there. Another one may be a misspelt form of it, and is named first. */
type Located = { readonly line: number; readonly why: string; readonly isMissing?: true };

function located(issue: z.core.$ZodIssue, conf: Conf): Located[] {
  const [first = "", ...rest] = issue.path.map(String);
  const isBundle = first === "bundle";
  const section = isBundle ? `${bundlePrefix}${rest[0]}` : first;
  const [key = ""] = isBundle ? rest.slice(1) : rest;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((name) =>
      section === "" ? unknownSection(name.trim(), conf) : unknownKey(section, name, conf),
    );
  }
  if (isBundle && rest.length === 1) return [badSection(section, issue.message, conf)];
  const setting = conf.get(section)?.settings.get(key);
  if (setting === undefined) return [missingKey(section, key, issue.message, conf)];
  const why = `${key} = ${JSON.stringify(withoutPassword(setting.value))} in [${section}] is not allowed: ${issue.message}`;
  return [{ line: setting.line, why }];
}

/** Hides the password of a URL, as more people read logs than may read the configuration. */
function withoutPassword(value: string): string {
  return value.replace(/\/\/[^/]*@/, "//…@");
}

function badSection(section: string, message: string, conf: Conf): Located {
  return { line: conf.get(section)?.line ?? 0, why: `the section name [${section}] is not allowed: ${message}` };
}

function missingKey(section: string, key: string, message: string, conf: Conf): Located {
  return { line: conf.get(section)?.line ?? 0, why: `[${section}] needs ${key}: ${message}`, isMissing: true };
}

function unknownSection(name: string, conf: Conf): Located {
  const why = `there is no section [${name}]${meant(name, knownKeys.keys(), (word) => `[${word}]`)}`;
  return { line: conf.get(name)?.line ?? 0, why };
}

function unknownKey(section: string, name: string, conf: Conf): Located {
  const elsewhere = [...knownKeys].find(([, keys]) => keys.includes(name))?.[0];
  const hint = elsewhere
    ? `: it belongs in [${elsewhere}]`
    : meant(name, knownKeys.get(section.startsWith(bundlePrefix) ? anyBundle : section) ?? [], String);
  return {
    line: conf.get(section)?.settings.get(name)?.line ?? 0,
    why: `there is no key ${JSON.stringify(name)} in [${section}]${hint}`,
  };
}

function meant(word: string, known: Iterable<string>, quoted: (word: string) => string): string {
  const words = [...known];
  const near = nearest(word, words);
  return near ? `: did you mean ${quoted(near)}?` : `: known are ${words.map(quoted).join(", ")}`;
}
