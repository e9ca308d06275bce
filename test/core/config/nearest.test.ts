import { expect, test } from "bun:test";
import { nearest } from "../../../core/config/nearest.ts";

const known = ["bucket", "endpoint", "region", "path_style"];

const cases: [word: string, expected: string | undefined][] = [
  ["bukket", "bucket"],
  ["BUCKET", "bucket"],
  ["ednpoint", "endpoint"],
  ["pathstyle", "path_style"],
  ["regio", "region"],
  ["colour", undefined],
  ["", undefined],
];

test.each(cases)("%j is near %j", (word, expected) => {
  expect(nearest(word, known)).toBe(expected);
});
