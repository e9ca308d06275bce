import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { FileEntry } from "../../../../core/format/entries/entry.ts";
import { decodeEntry, encodeHead } from "../../../../core/format/entries/entry-json.ts";
import { encodeExtents, entryLine, refreshedFileHead } from "../../../../core/format/entries/entry-row.ts";
import { entry } from "../arbitraries.ts";
import { comparable } from "../entry-text.ts";

const files = entry.filter((one): one is FileEntry => one.type === "file");

describe("the line of an entry", () => {
  test("the line of an entry decodes to the entry", () => {
    fc.assert(
      fc.property(entry, (one) => {
        const text = one.type === "file" ? encodeExtents(one.extents) : null;
        expect(comparable(decodeEntry(JSON.parse(entryLine(encodeHead(one), text))))).toEqual(comparable(one));
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
