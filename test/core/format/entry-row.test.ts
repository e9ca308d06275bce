import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Extent, FileEntry } from "../../../core/format/entry.ts";
import { decodeEntry, encodeHead } from "../../../core/format/entry-json.ts";
import {
  decodeExtents,
  encodeExtents,
  entryLine,
  objectsOf,
  refreshedFileHead,
  renumbered,
} from "../../../core/format/entry-row.ts";
import { FormatError } from "../../../core/format/error.ts";
import { entry, sha256 } from "./arbitraries.ts";
import { comparable } from "./entry-text.ts";

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const extents: fc.Arbitrary<Extent[]> = fc.array(
  fc.record({
    object: number,
    frameOffset: number,
    frameLength: number,
    offset: number,
    length: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    sha256,
  }),
  { maxLength: 20 },
);
const files = entry.filter((one): one is FileEntry => one.type === "file");

describe("the text of extents", () => {
  test("the text of extents decodes to what was encoded", () => {
    fc.assert(fc.property(extents, (list) => expect(decodeExtents(encodeExtents(list))).toEqual(list)));
  });

  test("the text of extents names the object of each extent in order", () => {
    fc.assert(
      fc.property(extents, (list) => {
        expect(objectsOf(encodeExtents(list))).toEqual(list.map(({ object }) => object));
      }),
    );
  });

  test("the text of extents is renumbered as its extents are, and nothing else of it changes", () => {
    fc.assert(
      fc.property(extents, fc.func(number), (list, numberOf) => {
        const expected = list.map((extent) => ({ ...extent, object: numberOf(extent.object) }));
        expect(renumbered(encodeExtents(list), numberOf)).toBe(encodeExtents(expected));
      }),
    );
  });

  test("the text of extents asks for each number in order of the file", () => {
    fc.assert(
      fc.property(extents, (list) => {
        const asked: number[] = [];
        renumbered(encodeExtents(list), (object) => asked.push(object));
        expect(asked).toEqual(list.map(({ object }) => object));
      }),
    );
  });

  test.each(["[[1", '[[1,0,5,0,5,"x"]]', "[[1,0,5,0,0]]", "{}", '[["1",0,1,0,1,"x"]]'])(
    "the text of extents is refused when it is %s, which is not such a text",
    (text) => {
      expect(() => decodeExtents(text)).toThrow();
    },
  );

  test("the text of extents is refused, not read for ever, when it is cut short", () => {
    expect(() => objectsOf("[[12")).toThrow(FormatError);
    expect(() => renumbered("[[12", (same) => same)).toThrow(FormatError);
  });
});

describe("the line of an entry", () => {
  test("the line of an entry decodes to the entry, whatever numbers its objects had before", () => {
    fc.assert(
      fc.property(entry, (one) => {
        const text = one.type === "file" ? encodeExtents(one.extents) : null;
        const moved = text === null ? null : renumbered(text, (object) => object + 1000);
        const back = moved === null ? null : renumbered(moved, (object) => object - 1000);
        expect(comparable(decodeEntry(JSON.parse(entryLine(encodeHead(one), back))))).toEqual(comparable(one));
      }),
    );
  });
});

describe("a refreshed head", () => {
  test("a refreshed head of what looks the same is the same text", () => {
    fc.assert(
      fc.property(files, ({ extents: _, holes: _holes, warnings: _warnings, ...look }) => {
        const head = encodeHead({ ...look, holes: _holes, warnings: _warnings });
        expect(refreshedFileHead(head, look)).toBe(head);
      }),
    );
  });

  test("a refreshed head has all that a new look shows, and the holes and warnings that it had", () => {
    fc.assert(
      fc.property(files, files, (before, now) => {
        const { extents: _, holes, warnings, ...look } = now;
        const refreshed = refreshedFileHead(encodeHead(before), look);
        expect(refreshed).toBe(encodeHead({ ...look, holes: before.holes, warnings: before.warnings }));
      }),
    );
  });
});
