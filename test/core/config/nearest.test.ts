import { expect, test } from "bun:test";
import { nearest } from "../../../core/config/nearest.ts";
import { attack } from "../../support/attack.ts";

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

attack(
  {
    by: "W",
    what: "twenty thousand made-up backup names of a hundred letters, before a restore by a name that is misspelt",
    before: "nine seconds in which nothing else was done, also for Ctrl-C, to find the name that was meant",
    now: "names that are far from it cost next to nothing",
  },
  () => {
    const names = Array.from({ length: 20_000 }, (_, number) => `${"a".repeat(100)}${number}`);
    const wanted = "b".repeat(105);
    const began = process.cpuUsage();
    expect(nearest(wanted, names)).toBeUndefined();
    expect(nearest(wanted, [...names, "b".repeat(103)])).toBe("b".repeat(103));
    expect(process.cpuUsage(began).user).toBeLessThan(5_000_000);
  },
  { timeout: 60_000 },
);
