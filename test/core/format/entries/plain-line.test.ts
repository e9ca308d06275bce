/** Plain lines are decoded without the schema: what comes out must be what the schema says. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { plainFileIn } from "../../../../core/format/entries/plain-line.ts";
import { decodePartEntry } from "../../../../core/format/entries/segment.ts";
import { linesIn, textOf } from "../../../../core/format/lines/lines.ts";

const digest = "0123456789abcdef".repeat(4);
const lines = [
  `{"typ":"f","path":"/etc/motd","o":"root","g":0,"uid":0,"gid":0,"mode":420,"mt":"1.500000000","size":7,"dat":[[0,0,9,0,7,"${digest}"]]}`,
  `{"typ":"f","path":"/a b/.c","o":1,"g":"x","uid":1,"gid":2,"mode":511,"mt":"1.000000000","size":9,"dat":[[0,0,9,0,7,"${digest}"],[1,5,9,3,2,"${digest}"]]}`,
  `{"typ":"f","path":"/empty","o":"root","g":"root","uid":0,"gid":0,"mode":0,"mt":"0.000000000","size":0,"dat":[]}`,
];

function lineOf(text: string) {
  const [line] = linesIn(textOf(Buffer.from(`${text}\n`)));
  if (line === undefined) throw new Error("no line");
  return line;
}

test.each(lines)("a plain line is decoded as the schema decodes it: %s", (text) => {
  const entry = plainFileIn(lineOf(text));
  expect(entry).toBeDefined();
  expect(entry).toEqual(decodePartEntry(JSON.parse(text)) as typeof entry);
});

test("a line with changes is decoded as the schema decodes it, or not known as plain", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "",
      ",",
      '"',
      "\\",
      "/",
      "/.",
      "/..",
      "[",
      "]",
      "}",
      "0",
      "00",
      "9",
      "-",
      ".",
      " ",
      "é",
      "\0",
      "\u007f",
    ),
    fc.constantFrom('"w":[],', '"fl":"i",', ',"id":"/a"', "512", "99999999999", '""', `"${digest}"`, ",[0,0,9,0,0]"),
    fc.string({ maxLength: 2 }),
  );
  const change = fc.record({ at: fc.nat(), removed: fc.nat(3), piece });
  fc.assert(
    fc.property(fc.constantFrom(...lines), fc.array(change, { maxLength: 3 }), (line, changes) => {
      const text = changes.reduce((text, { at, removed, piece }) => {
        const place = at % text.length;
        return text.slice(0, place) + piece + text.slice(place + removed);
      }, line);
      if (text.includes("\n")) return;
      const entry = plainFileIn(lineOf(text));
      if (entry !== undefined) expect(entry).toEqual(decodePartEntry(JSON.parse(text)) as typeof entry);
    }),
    { numRuns: 20_000 },
  );
});
