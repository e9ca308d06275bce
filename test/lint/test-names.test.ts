import { describe, expect, test } from "bun:test";
import { parse } from "../../lint/sources.ts";
import { fragmentaryNames } from "../../lint/test-names.ts";

const namesIn = (text: string) => fragmentaryNames([parse("test/x.test.ts", text)]);

describe("a test name that needs the name of its group is reported", () => {
  test.each([
    ["for a verb without a subject", 'test("is a shell script", () => {});', "is a shell script"],
    ["inside a group", 'describe("a file", () => { test("gets its mode", () => {}); });', "gets its mode"],
    ["for a table of tests", 'test.each([1])("of %d bytes is cut", () => {});', "of %d bytes is cut"],
    ["for a test that may be skipped", 'test.skipIf(true).each([1])("that %d", () => {});', "that %d"],
    ["for a template", "test(`needs $" + "{right}`, () => {});", "needs "],
  ])("a fragment is reported %s", (_, text, name) => {
    expect(namesIn(text)).toEqual([
      `test/x.test.ts: the name of a test is no sentence of its own: ${JSON.stringify(name)}`,
    ]);
  });
});

test.each([
  'test("a file gets its mode", () => {});',
  'test("isolated runs do no harm", () => {});',
  'test("%s is refused", () => {});',
  'describe("that one", () => {});',
  'attempt("is no test", () => {});',
])("a sentence, and what is no test, is not reported: %s", (text) => {
  expect(namesIn(text)).toEqual([]);
});
