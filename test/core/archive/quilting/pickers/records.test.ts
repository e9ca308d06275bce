import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  absolutePath,
  decidedAfter,
  longestPath,
  RecordSplitter,
} from "../../../../../core/archive/quilting/pickers/records.ts";
import { fromBytes, fromText } from "../../../../../core/format/path.ts";
import { collectGarbage } from "../../../../support/garbage.ts";

function split(...pieces: readonly (string | Uint8Array)[]) {
  const splitter = new RecordSplitter();
  const records = pieces.flatMap((piece) => splitter.push(typeof piece === "string" ? Buffer.from(piece) : piece));
  return { records: [...records, ...splitter.end()].map(String), splitter };
}

function cutAt(text: string, cuts: readonly number[]): string[] {
  const places = [0, ...[...cuts].map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
  return places.slice(1).map((end, i) => text.slice(places[i], end));
}

const filler = `${"x".repeat(63)}\n`.repeat(decidedAfter / 64);

describe("records of a picker", () => {
  const cases: readonly [name: string, output: string, records: readonly string[]][] = [
    ["lines", "/a\n/b c\n", ["/a", "/b c"]],
    ["a last line without newline", "/a\n/b", ["/a", "/b"]],
    ["empty lines are left out", "\n\n/a\n\n", ["/a"]],
    ["no output", "", []],
    ["NUL-separated", "/a\0/b\0", ["/a", "/b"]],
    ["a first name with a newline is whole", "/a\nb\0/c\0", ["/a\nb", "/c"]],
    ["a last record without NUL", "/a\0/b\nc", ["/a", "/b\nc"]],
    ["empty records are left out", "\0\0/a\0", ["/a"]],
    ["one NUL is enough", "/a\n/b\n\0", ["/a\n/b\n"]],
  ];
  test.each(cases)("records of a picker: %s", (_name, output, records) => {
    expect(split(output).records).toEqual([...records]);
  });

  test("records of a picker are the same however the output is cut into pieces", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "/", "\n", "\0") });
    fc.assert(
      fc.property(text, fc.array(fc.nat()), fc.boolean(), (tail, cuts, long) => {
        const output = long ? `${filler}${tail}` : tail;
        expect(split(...cutAt(output, cuts)).records).toEqual(split(output).records);
      }),
    );
  });

  test("bytes that are not UTF-8 stay", () => {
    expect(split(Uint8Array.of(0x2f, 0xff, 0x0a)).records).toEqual(["/\xff"]);
  });

  test("a NUL just before the decision makes all of it NUL-separated", () => {
    const output = `${filler.slice(0, -1)}\0/b\0`;
    expect(split(output).records).toEqual([filler.slice(0, -1), "/b"].filter((record) => record.length <= longestPath));
    expect(split(output).splitter.tooLong).toBe(1);
    expect(split(output).splitter.lateNul).toBe(false);
  });

  test("a NUL after the decision counts from its own record on", () => {
    const { records, splitter } = split(filler, "/a\nb\0/c\nd\0");
    expect(records.slice(-3)).toEqual(["/a", "b", "/c\nd"]);
    expect(splitter.lateNul).toBe(true);
  });

  test("nothing is given out before the decision, all of it after", () => {
    const splitter = new RecordSplitter();
    expect(splitter.push(Buffer.from(filler.slice(0, -64)))).toEqual([]);
    expect(splitter.push(Buffer.from(filler.slice(-64))).length).toBe(decidedAfter / 64);
  });

  test("the longest path passes, one byte more does not", () => {
    const longest = `/${"a".repeat(longestPath - 1)}`;
    const { records, splitter } = split(`${longest}\n${longest}a\n/b\n`);
    expect(records).toEqual([longest, "/b"]);
    expect(splitter.tooLong).toBe(1);
    expect(splitter.firstTooLong).toBe(fromText(longest.slice(0, 60)));
  });

  test("a record without end is one record too long, and takes no memory", () => {
    const splitter = new RecordSplitter();
    const before = memoryHeld();
    const piece = Buffer.alloc(1024 * 1024, 0x61);
    for (let i = 0; i < 100; i += 1) expect(splitter.push(piece)).toEqual([]);
    expect(memoryHeld() - before).toBeLessThan(10 * 1024 * 1024);
    expect(splitter.push(Buffer.from("\n/b\n"))).toEqual([fromText("/b")]);
    expect(splitter.tooLong).toBe(1);
  });
});

describe("a record as a path", () => {
  const cases: readonly [record: string, path: string][] = [
    ["/etc/passwd", "/etc/passwd"],
    ["etc/passwd", "/etc/passwd"],
    ["./etc", "/etc"],
    [".", "/"],
    ["/", "/"],
    ["//", "/"],
    ["/etc/", "/etc"],
    ["//etc///passwd/.", "/etc/passwd"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/a/../b"],
    ["..", "/.."],
    ["/a/.b/..c/d.", "/a/.b/..c/d."],
  ];
  test.each(cases)("%j is %j", (record, path) => {
    expect(absolutePath(fromText(record))).toBe(fromText(path));
  });

  test("a path that is absolute and tidy stays byte for byte", () => {
    const path = fromBytes(Uint8Array.of(0x2f, 0xff, 0x0a, 0x20));
    expect(absolutePath(path)).toBe(path);
  });
});

/** Bytes that cannot be collected now. */
function memoryHeld(): number {
  collectGarbage();
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}
