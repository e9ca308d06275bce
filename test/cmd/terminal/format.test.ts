import { describe, expect, test } from "bun:test";
import { bytes, count, counted, duration, fitted, moment, rate, table } from "../../../cmd/terminal/format.ts";

describe("bytes", () => {
  const cases: [number: number, expected: string][] = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [99.94 * 1024, "99.9 KiB"],
    [99.96 * 1024, "100 KiB"],
    [999.4 * 1024, "999 KiB"],
    [999.6 * 1024, "1.0 MiB"],
    [16 * 1024 ** 2, "16.0 MiB"],
    [3.25 * 1024 ** 4, "3.3 TiB"],
    [5000 * 1024 ** 5, "5000 PiB"],
  ];
  test.each(cases)("bytes: %d is %s", (number, expected) => expect(bytes(number)).toBe(expected));
});

describe("duration", () => {
  const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
  const cases: [milliseconds: number, expected: string][] = [
    [0, "0.0 s"],
    [440, "0.4 s"],
    [9_949, "9.9 s"],
    [9_950, "10 s"],
    [59 * second, "59 s"],
    [59.6 * second, "1 min 00 s"],
    [185 * second, "3 min 05 s"],
    [hour - 1, "1 h 00 min"],
    [2 * hour + 7 * minute, "2 h 07 min"],
    [day - 1, "1 d 00 h"],
    [3 * day + 4 * hour, "3 d 04 h"],
  ];
  test.each(cases)("duration: %d ms is %s", (milliseconds, expected) => expect(duration(milliseconds)).toBe(expected));
});

describe("count", () => {
  const cases: [number: number, expected: string][] = [
    [0, "0"],
    [999, "999"],
    [1000, "1,000"],
    [54613, "54,613"],
    [1234567, "1,234,567"],
  ];
  test.each(cases)("count: %d is %s", (number, expected) => expect(count(number)).toBe(expected));

  test("nouns agree with the number", () => {
    expect([counted(1, "file"), counted(0, "file"), counted(2000, "entry", "entries")]).toEqual([
      "1 file",
      "0 files",
      "2,000 entries",
    ]);
  });
});

test("rate is bytes a second", () => expect(rate(85 * 1024 ** 2)).toBe("85.0 MiB/s"));

test("moment is UTC, to the second", () => {
  expect(moment(new Date("2026-11-21T02:00:03.987Z"))).toBe("2026-11-21 02:00:03 UTC");
});

describe("table", () => {
  test("table columns are as wide as their widest cell, numbers to the right, nothing after the last", () => {
    expect(
      table(
        [{ title: "name" }, { title: "bytes", align: "right" }, { title: "note" }],
        [
          ["web1", "5", "x"],
          ["database", "123,456", ""],
        ],
      ),
    ).toEqual(["name        bytes  note", "web1            5  x", "database  123,456"]);
  });

  test("wide characters count two columns", () => {
    expect(table([{ title: "a" }, { title: "b" }], [["日本", "x"]])).toEqual(["a     b", "日本  x"]);
  });
});

describe("fitted", () => {
  const cases: [text: string, width: number, expected: string][] = [
    ["short", 5, "short"],
    ["longer", 5, "long…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["longer", 1, "…"],
    ["longer", 0, ""],
  ];
  test.each(cases)("%s in %d columns is %s", (text, width, expected) => expect(fitted(text, width)).toBe(expected));
});
