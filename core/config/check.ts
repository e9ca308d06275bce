/** Checks `conf` against the schema, and reports errors by file, line and key. */
import type { z } from "zod";
import { exitStatus, Failure } from "../failure.ts";
import type { Conf } from "./dialect.ts";
import { nearest } from "./nearest.ts";
import { conf as confSchema, knownKeys } from "./schema.ts";

/** Throws a Failure (exit 2) for the first line that is wrong. `file` is named in errors. */
export function checked(conf: Conf, file: string): z.infer<typeof confSchema> {
  const written = Object.fromEntries(
    [...conf].map(([name, { settings }]) => [
      name,
      Object.fromEntries([...settings].map(([key, { value }]) => [key, value])),
    ]),
  );
  const result = confSchema.safeParse(written);
  if (result.success) return result.data;
  const [first] = result.error.issues.flatMap((issue) => located(issue, conf)).sort((a, b) => a.line - b.line);
  throw new Failure({
    doing: "read the configuration",
    what: file,
    why: `line ${first?.line}: ${first?.why}`,
    exit: exitStatus.usage,
    cause: result.error,
  });
}

type Located = { readonly line: number; readonly why: string };

function located(issue: z.core.$ZodIssue, conf: Conf): Located[] {
  const [section = "", key = ""] = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((name) => (section === "" ? unknownSection(name, conf) : unknownKey(section, name, conf)));
  }
  const setting = conf.get(section)?.settings.get(key);
  const why = `${key} = ${JSON.stringify(withoutPassword(setting?.value ?? ""))} in [${section}] is not allowed: ${issue.message}`;
  return [{ line: setting?.line ?? 0, why }];
}

/** Hides the password of a URL, as more people read logs than may read the configuration. */
function withoutPassword(value: string): string {
  return value.replace(/\/\/[^/]*@/, "//…@");
}

function unknownSection(name: string, conf: Conf): Located {
  const why = `there is no section [${name}]${meant(name, knownKeys.keys(), (word) => `[${word}]`)}`;
  return { line: conf.get(name)?.line ?? 0, why };
}

function unknownKey(section: string, name: string, conf: Conf): Located {
  const elsewhere = [...knownKeys].find(([, keys]) => keys.includes(name))?.[0];
  const hint = elsewhere ? `: it belongs in [${elsewhere}]` : meant(name, knownKeys.get(section) ?? [], String);
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
