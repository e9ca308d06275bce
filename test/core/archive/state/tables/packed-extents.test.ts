import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FalseState } from "../../../../../core/archive/state/tables/false-state.ts";
import {
  extentsText,
  objectsOf,
  packExtents,
  unpackExtents,
} from "../../../../../core/archive/state/tables/packed-extents.ts";
import type { Extent } from "../../../../../core/format/entries/entry.ts";
import { encodeExtents } from "../../../../../core/format/entries/entry-row.ts";
import { sha256 } from "../../../format/arbitraries.ts";

const number = fc.oneof(fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.nat({ max: 200 }));
const extents: fc.Arbitrary<Extent[]> = fc.array(
  fc.record({ object: number, frameOffset: number, frameLength: number, offset: number, length: number, sha256 }),
  { maxLength: 20 },
);

describe("packed extents", () => {
  test("packed extents are what was packed, and few bytes for few large numbers", () => {
    fc.assert(fc.property(extents, (list) => expect(unpackExtents(packExtents(list))).toEqual(list)));
    const digest = "ab".repeat(32);
    const one = { object: 1, frameOffset: 0, frameLength: 127, offset: 5, length: 48, sha256: digest };
    expect(packExtents([one]).length).toBe(5 + 32);
  });

  test("packed extents name the object of each extent in order", () => {
    const property = (list: Extent[]) => expect(objectsOf(packExtents(list))).toEqual(list.map(({ object }) => object));
    fc.assert(fc.property(extents, property));
  });

  test("packed extents become the text of the same extents with other numbers for their objects, asked for in order", () => {
    fc.assert(
      fc.property(extents, fc.func(number), (list, numberOf) => {
        const asked: number[] = [];
        const text = extentsText(packExtents(list), (object) => {
          asked.push(object);
          return numberOf(object);
        });
        expect(text).toBe(encodeExtents(list.map((extent) => ({ ...extent, object: numberOf(extent.object) }))));
        expect(asked).toEqual(list.map(({ object }) => object));
      }),
    );
  });

  test("packed extents that are cut short, or have a number without an end, are a false state", () => {
    const one = { object: 300, frameOffset: 300, frameLength: 300, offset: 300, length: 300, sha256: "ab".repeat(32) };
    const packed = packExtents([one]);
    for (let length = 1; length < packed.length; length += 1)
      expect(() => unpackExtents(packed.subarray(0, length))).toThrow(FalseState);
    expect(() => objectsOf(Buffer.alloc(100, 0xff))).toThrow(FalseState);
  });

  test("packed extents have no digest that is not one", () => {
    const one = { object: 1, frameOffset: 0, frameLength: 1, offset: 0, length: 1, sha256: "xy".repeat(32) };
    expect(() => packExtents([one])).toThrow("is no SHA-256");
  });
});
