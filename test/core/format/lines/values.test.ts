import { describe, expect, test } from "bun:test";
import { textOf } from "../../../../core/format/lines/lines.ts";
import { hasTooMany } from "../../../../core/format/lines/values.ts";
import { type BadEntry, decodePart } from "../../../../core/format/manifest/part.ts";

const head = '{"format":"sysbackup-part","version":1}\n';
const common = '"o":"r","g":"r","uid":0,"gid":0,"mode":420,"mt":"1.000000000"';
const good = `{"typ":"d","path":"/z",${common}}\n`;

function decoded(line: string) {
  const bad: BadEntry[] = [];
  const part = decodePart(textOf(Buffer.from(`${head}${line}\n${good}`)), (entry) => void bad.push(entry));
  return { paths: Array.from(part.entries, ({ path }) => path), bad };
}

const many: readonly (readonly [string, string])[] = [
  ["lists in lists", `${"[".repeat(300_000)}${"]".repeat(300_000)}`],
  ["empty lists", `[${"[],".repeat(300_000)}1]`],
  ["empty objects", `[${"{},".repeat(300_000)}1]`],
  ["numbers", `[${"1,".repeat(1_000_000)}1]`],
  ["texts", `[${'"a",'.repeat(300_000)}1]`],
  ["keys", `{${Array.from({ length: 100_000 }, (_, number) => `"k${number}":1`).join(",")}}`],
];

describe("a line of a part with more values than any that is written", () => {
  test.each(many)("it is refused by its path before it is parsed, and costs no other entry: %s", (_, value) => {
    const { paths, bad } = decoded(`{"typ":"d","path":"/a",${common},"x":${value}}`);
    const why = expect.stringContaining("more values than any that is written");
    expect<unknown[]>([paths, bad]).toEqual([["/z"], [{ path: "/a", why }]]);
  });

  test("twin: the largest file that is written is none, nor are such characters in names", () => {
    const extents = Array.from({ length: 65_536 }, () => `[0,0,1,0,1,"${"0".repeat(64)}"]`);
    const holes = Array.from({ length: 131_072 }, (_, number) => `[${number * 2},1]`);
    expect(hasTooMany(`{"typ":"f","path":"/a",${common},"holes":[${holes}],"dat":[${extents}]}`)).toBe(false);
    expect(hasTooMany(JSON.stringify({ name: '[{,:"\\'.repeat(300_000) }))).toBe(false);
  });

  test("the first wrong item of a list ends the look at it", () => {
    const { bad } = decoded(`{"typ":"f","path":"/a",${common},"size":1,"dat":[${"[1],".repeat(100_000)}[1]]}`);
    expect(bad.map(({ why }) => why)).toEqual(["an entry is malformed at dat: Invalid input"]);
  });
});
