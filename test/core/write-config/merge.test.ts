import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseConf } from "../../../core/config/dialect.ts";
import { type Changes, merged } from "../../../core/write-config/merge.ts";

type Values = Record<string, Record<string, string>>;

function values(text: string): Values {
  return Object.fromEntries(
    [...parseConf(text, "conf")].map(([name, { settings }]) => [
      name,
      Object.fromEntries([...settings].map(([key, { value }]) => [key, value])),
    ]),
  );
}

function changed(before: Values, changes: Changes): Values {
  const after: Values = structuredClone(before);
  for (const [section, keys] of Object.entries(changes)) {
    for (const [key, value] of Object.entries(keys)) {
      if (value !== undefined) after[section] = { ...after[section], [key]: value };
      else delete after[section]?.[key];
    }
  }
  return after;
}

describe("the text afterwards", () => {
  const cases: [name: string, before: string, changes: Changes, after: string][] = [
    ["a new file", "", { s3: { bucket: "b" } }, "[s3]\nbucket = b\n"],
    ["a value replaced", "[s3]\nbucket=a\n", { s3: { bucket: "b" } }, "[s3]\nbucket=b\n"],
    ["the key as it was written", "[s3]\n  Bucket :   a  \n", { s3: { bucket: "b" } }, "[s3]\n  Bucket :   b\n"],
    ["an empty value", "[s3]\nbucket =", { s3: { bucket: "b" } }, "[s3]\nbucket = b"],
    ["the same value", "[s3]\nbucket=a ", { s3: { bucket: "a" } }, "[s3]\nbucket=a "],
    [
      "a continued value, with a comment in it",
      "[content]\nshare_with = a\n  b\n  # not c\n  d\n\n# next\n[s3]\n",
      { content: { share_with: "*" } },
      "[content]\nshare_with = *\n  # not c\n\n# next\n[s3]\n",
    ],
    [
      "a key behind a continued value",
      "[content]\nshare_with = a\n  b\n\n; end\n",
      { content: { days_retained: "9" } },
      "[content]\nshare_with = a\n  b\ndays_retained = 9\n\n; end\n",
    ],
    ["a section at the end", "[a]\nb = c", { s3: { bucket: "b" } }, "[a]\nb = c\n\n[s3]\nbucket = b\n"],
    ["line ends of Windows", "[s3]\r\n", { s3: { bucket: "b" } }, "[s3]\r\nbucket = b\r\n"],
    ["an empty section at the end", "[s3]", { s3: { bucket: "b" } }, "[s3]\nbucket = b"],
    ["an indented header behind an empty section", "[s3]\n  [a]\n", { s3: { x: "y" } }, "[s3]\n  x = y\n  [a]\n"],
    [
      "a key taken away",
      "[aws]\nprofile = a\n  b\n# c\nx = y\n",
      { aws: { profile: undefined } },
      "[aws]\n# c\nx = y\n",
    ],
    ["a key that is not there taken away", "[aws]\n", { s3: { x: undefined } }, "[aws]\n"],
  ];
  test.each(cases)("the text afterwards: %s", (_, before, changes, after) => {
    expect(merged(before, changes, "conf")).toBe(after);
  });
});

const word = fc.constantFrom("a", "b", "profile", "bucket", "Days");
const line = fc.oneof(
  fc.tuple(fc.constantFrom("", " ", "  ", "\t"), fc.constantFrom("# c", ";", "#a = b", "; [s]")).map(([i, t]) => i + t),
  fc.constantFrom("", "  ", "\t"),
  fc.tuple(fc.constantFrom("", " ", "   "), fc.constantFrom("[aws]", "[s3]", "[content] ; x")).map(([i, t]) => i + t),
  fc
    .tuple(
      fc.constantFrom("", "", " ", "    "),
      word,
      fc.constantFrom("=", ": ", " = ", " :"),
      fc.constantFrom("", "v", "x = y", "# z"),
    )
    .map((parts) => parts.join("")),
);
const text = fc
  .tuple(fc.array(line, { maxLength: 25 }), fc.constantFrom("\n", "\r\n", "\r"), fc.boolean())
  .map(([lines, end, closed]) => lines.join(end) + (closed ? end : ""))
  .filter((written) => {
    try {
      parseConf(written, "conf");
      return true;
    } catch {
      return false;
    }
  });
const change = fc.dictionary(
  fc.constantFrom("aws", "s3", "new"),
  fc.dictionary(
    fc.constantFrom("a", "profile", "bucket", "fresh"),
    fc.option(fc.constantFrom("v", "b = c", "# d", "/etc/x"), { nil: undefined }),
    { minKeys: 1, noNullPrototype: true },
  ),
  { noNullPrototype: true },
);

const comments = (written: string) => written.split(/\r\n|\r|\n/).filter((one) => /^\s*[#;]/.test(one));

test("merged text parses to the former values with the changes, keeps all comments, and merges again unchanged", () => {
  fc.assert(
    fc.property(text, change, (before, changes) => {
      const after = merged(before, changes, "conf");
      expect(values(after)).toEqual(changed(values(before), changes));
      expect(comments(after)).toEqual(comments(before));
      expect(merged(after, changes, "conf")).toBe(after);
    }),
    { numRuns: 500 },
  );
});

test("lines without a change stay, byte for byte and in their order", () => {
  fc.assert(
    fc.property(text, (before) => {
      const after = merged(before, { aws: { fresh: "v" }, new: { fresh: "v" } }, "conf");
      const rest = after.split(/(?<=\n|\r(?!\n))/).filter((one) => !/^\s*fresh = v\s*$|^\[new\]/.test(one));
      const fresh = "aws" in values(before) ? [] : ["[aws]"];
      const old = before.split(/(?<=\n|\r(?!\n))/);
      const trimmed = (lines: string[]) => lines.map((one) => one.replace(/[\r\n]+$/, "")).filter((one) => one !== "");
      expect(trimmed(rest)).toEqual([...trimmed(old), ...fresh]);
    }),
    { numRuns: 500 },
  );
});
