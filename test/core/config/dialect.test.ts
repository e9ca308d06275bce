import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseConf } from "../../../core/config/dialect.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";

/** Sections and values alone, as configparser would give them. */
function values(text: string) {
  return Object.fromEntries(
    [...parseConf(text, "conf")].map(([name, section]) => [
      name,
      Object.fromEntries([...section.settings].map(([key, { value }]) => [key, value])),
    ]),
  );
}

function refusal(text: string): Failure {
  try {
    parseConf(text, "/etc/backup/conf");
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("values", () => {
  const cases: [name: string, text: string, expected: Record<string, Record<string, string>>][] = [
    ["equals sign", "[s]\nkey = value", { s: { key: "value" } }],
    ["colon", "[s]\nkey: value", { s: { key: "value" } }],
    ["no spaces", "[s]\nkey=value\nother:value", { s: { key: "value", other: "value" } }],
    ["equals sign and colon in the value", "[s]\na = b=c:d\ne: f=g:h", { s: { a: "b=c:d", e: "f=g:h" } }],
    ["empty value", "[s]\nkey =\nother:", { s: { key: "", other: "" } }],
    ["keys in capitals", "[s]\nDays_Retained = 3", { s: { days_retained: "3" } }],
    ["sections keep their case", "[S]\n[s]", { S: {}, s: {} }],
    ["comments", "# a\n; b\n[s]\n# c\nkey = v\n  ; d", { s: { key: "v" } }],
    ["a number sign within a value", "[s]\nkey = a # b ; c", { s: { key: "a # b ; c" } }],
    ["an indented continuation", "[s]\nkey = a\n  b\n\tc", { s: { key: "a\nb\nc" } }],
    ["a continuation that looks like a key", "[s]\nkey = a\n  b = c", { s: { key: "a\nb = c" } }],
    ["a continuation that looks like a section", "[s]\nkey = a\n  [t]", { s: { key: "a\n[t]" } }],
    ["a comment within a continued value", "[s]\nkey = a\n  # no\n  b", { s: { key: "a\nb" } }],
    ["an empty line within a continued value", "[s]\nkey = a\n\n  b", { s: { key: "a\n\nb" } }],
    ["empty lines after a value", "[s]\nkey = a\n\n\n[t]", { s: { key: "a" }, t: {} }],
    ["a value that starts on the next line", "[s]\nkey =\n  a", { s: { key: "\na" } }],
    ["indented keys side by side", "[s]\n  a = 1\n  b = 2\n    3", { s: { a: "1", b: "2\n3" } }],
    ["an indented key under its section", "[s]\n    a = 1\n  b = 2", { s: { a: "1", b: "2" } }],
    ["percent signs stay", "[s]\nkey = %(home)s 100%", { s: { key: "%(home)s 100%" } }],
    ["line ends of other systems", "[s]\r\na = 1\rb = 2\n", { s: { a: "1", b: "2" } }],
    ["text after a header", "[s] ; note\na = 1", { s: { a: "1" } }],
    ["nothing", "", {}],
  ];
  test.each(cases)("values: %s", (_name, text, expected) => {
    expect(values(text)).toEqual(expected);
  });

  test("lines are counted from 1, and a continued value has the line of its key", () => {
    const conf = parseConf("# first\n[s]\n\na = 1\n  2\nb = 3", "conf");
    expect(conf.get("s")?.line).toBe(2);
    expect(conf.get("s")?.settings.get("a")?.line).toBe(4);
    expect(conf.get("s")?.settings.get("b")?.line).toBe(6);
  });
});

describe("refused", () => {
  const cases: [name: string, text: string, message: string][] = [
    ["section twice", "[s]\n[t]\n[s]", "line 3: section [s] is already in line 1"],
    ["key twice", "[s]\na = 1\nA: 2", "line 3: [s] a is already in line 2"],
    ["a key before any section", "a = 1", "line 1: a setting comes before the first [section]"],
    ["no delimiter", "[s]\nfoo", 'line 2: it is neither "key = value" nor [section]'],
    ["no key", "[s]\n= foo", 'line 2: it is neither "key = value" nor [section]'],
    ["an empty header", "[s]\n[]", 'line 2: it is neither "key = value" nor [section]'],
  ];
  test.each(cases)("refused: %s", (_name, text, message) => {
    const failure = refusal(text);
    expect(failure.parts.why).toBe(message);
    expect(failure.parts.what).toBe("/etc/backup/conf");
    expect(failure.exit).toBe(exitStatus.usage);
  });
});

const python = Bun.which("python3");

const asPythonReads = `
import configparser, json, sys
out = []
for text in json.load(sys.stdin):
    parser = configparser.ConfigParser(interpolation=None, default_section="\\0")
    try:
        parser.read_string(text)
        out.append({name: dict(parser[name]) for name in parser.sections()})
    except configparser.Error:
        out.append(None)
json.dump(out, sys.stdout)
`;

test.skipIf(!python)("random files read as Python's configparser reads them", () => {
  const piece = fc.constantFrom(
    "[",
    "]",
    "[s]",
    "[t]",
    "a",
    "B",
    "=",
    ":",
    " ",
    "  ",
    "\t",
    "\n",
    "\n",
    "#",
    ";",
    "%",
    "é",
  );
  const file = fc.array(piece, { maxLength: 30 }).map((pieces) => `[s]\n${pieces.join("")}`);
  const texts = fc.sample(file, { numRuns: 3000, seed: 2 });
  const run = Bun.spawnSync([python ?? "", "-c", asPythonReads], { stdin: Buffer.from(JSON.stringify(texts)) });
  const expected: unknown = JSON.parse(run.stdout.toString());
  const ours = texts.map((text) => {
    try {
      return values(text);
    } catch {
      return null;
    }
  });
  expect(ours.filter((value) => value !== null).length).toBeGreaterThan(500);
  expect(ours).toEqual(expected as typeof ours);
});
