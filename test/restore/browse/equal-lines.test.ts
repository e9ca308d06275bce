import { describe, expect, test } from "bun:test";
import { textOf } from "../../../core/format/lines/lines.ts";
import { fromText } from "../../../core/format/path.ts";
import { equalPaths } from "../../../restore/browse/equal-lines.ts";

const text = (...lines: string[]) => textOf(Buffer.from(lines.map((line) => `${line}\n`).join("")));
const line = (path: string, rest = "") => `{"typ":"f","path":${JSON.stringify(path)}${rest},"size":1}`;

describe("lines that two parts have in common", () => {
  test("their paths are known, and those of lines that differ in anything are not", () => {
    const one = text(line("/a"), line("/b"), line("/é"));
    const other = text(line("/a"), line("/b", ',"mode":420'), line("/é"), line("/new"));
    expect([...equalPaths(one, other)]).toEqual([fromText("/a"), fromText("/é")]);
  });

  test("names that are written with escapes, or as bytes, are left to be decoded", () => {
    const one = text(line('/"quoted"'), line("/two\nlines"), line("/caf�", ',"path_b64":"L2NhZuk="'));
    expect([...equalPaths(one, one)]).toEqual([]);
  });

  test("a line of objects is no entry", () => {
    const one = text('{"object":0,"key":"packs/x"}');
    expect([...equalPaths(one, one)]).toEqual([]);
  });
});
