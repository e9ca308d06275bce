import { describe, expect, test } from "bun:test";
import { parseUnitName, parseWindow } from "../../../core/write-config/unit-values.ts";

describe("the window", () => {
  const starts = [
    ["2:00", "02:00:00"],
    ["02:00", "02:00:00"],
    ["23:59:59", "23:59:59"],
    ["0:00", "00:00:00"],
  ] as const;
  for (const [written, start] of starts) {
    test(`the window starts at ${written}`, () => {
      expect(parseWindow(written, "1h").start).toBe(start);
    });
  }

  for (const written of [
    "",
    "2",
    "24:00",
    "2:60",
    "2:00:60",
    "2:0",
    "-1:00",
    "2:00\n",
    "2:00\nUser=root",
    "*:00",
    "2:00 %n",
  ]) {
    test(`the window cannot start at ${JSON.stringify(written)}`, () => {
      expect(() => parseWindow(written, "1h")).toThrow("it is not a time of day; give hours and minutes");
    });
  }

  const lengths = [
    ["1h", 3_600],
    ["90min", 5_400],
    ["1h 30min", 5_400],
    ["1h30m", 5_400],
    ["2 hours", 7_200],
    ["45", 45],
    ["0", 0],
    ["23h 59min 59s", 86_399],
    ["1d", 86_400],
    ["2.5h", 9_000],
    ["1.5h 0.5min", 5_430],
  ] as const;
  for (const [written, seconds] of lengths) {
    test(`the window may be ${written} long`, () => {
      expect(parseWindow("2:00", written).seconds).toBe(seconds);
    });
  }

  for (const written of ["", "h", "1x", "-1h", "1.h", "25h", "1d 1s", "1h\n", "1h\nUser=root", "1h, 2min", "1H"]) {
    test(`the window cannot be ${JSON.stringify(written)} long`, () => {
      expect(() => parseWindow("2:00", written)).toThrow("it is not a time span of up to a day; give one such as 1h");
    });
  }
});

describe("the name of units", () => {
  for (const written of ["sysbackup-archive", "nightly", "a", "web1:backup_2.x"]) {
    test(`the name of units may be ${written}`, () => {
      expect(parseUnitName(written)).toBe(written);
    });
  }

  const refused = [
    "",
    "a b",
    "a@b",
    "a/b",
    "../a",
    "%n",
    "a\n",
    "-a",
    "a.service",
    "a.timer",
    "sysbackup-failed",
    "a".repeat(101),
  ];
  for (const written of refused) {
    test(`the name of units may not be ${JSON.stringify(written)}`, () => {
      expect(() => parseUnitName(written)).toThrow("it cannot name a service and a timer");
    });
  }
});
