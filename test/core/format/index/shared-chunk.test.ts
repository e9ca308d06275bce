/** Items of the table that machines share: what is put comes back, and junk does not. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeChunk,
  decodeObject,
  encodeChunk,
  encodeObject,
  mayLieIn,
  type SharedChunk,
  type SharedObject,
  sharedKeys,
} from "../../../../core/format/index/shared-chunk.ts";

const pack = `packs/${"0a".repeat(32)}.zst`;
const number = fc.nat({ max: 2 ** 40 });
const version = fc.stringMatching(/^[!-~]{1,64}$/);
const chunk: fc.Arbitrary<SharedChunk> = fc.record({
  key: fc.constant(pack),
  version,
  frameOffset: number,
  frameLength: number,
  offset: number,
  length: fc.integer({ min: 1, max: 2 ** 40 }),
});
const object: fc.Arbitrary<SharedObject> = fc.record(
  {
    size: number,
    encoding: fc.constantFrom("frames", "zstd", "none", "gzip"),
    retain_until: fc
      .date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString()),
    sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
  },
  { requiredKeys: ["size", "encoding", "retain_until"] },
);

test("a chunk comes back as it was put", () => {
  fc.assert(fc.property(chunk, (one) => expect(decodeChunk(encodeChunk(one))).toEqual(one)));
});

test("an object comes back as it was put", () => {
  fc.assert(fc.property(object, (one) => expect(decodeObject(encodeObject(one))).toEqual(one)));
});

const junk = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.constant(new Uint8Array(3)), fc.constant(undefined));

test("a chunk with any junk in one attribute is none, or one that has numbers and short texts", () => {
  const names = ["key", "version", "frame_offset", "frame_length", "offset", "length"];
  fc.assert(
    fc.property(chunk, fc.constantFrom(...names), junk, (one, name, value) => {
      const decoded = decodeChunk({ ...encodeChunk(one), [name]: value });
      if (decoded === undefined) return;
      expect(decoded.key.length).toBeLessThanOrEqual(1024);
      expect(decoded.version).toMatch(/^[!-~]{1,256}$/);
      for (const figure of [decoded.frameOffset, decoded.frameLength, decoded.offset, decoded.length])
        expect(Number.isSafeInteger(figure) && figure >= 0).toBe(true);
    }),
  );
});

test("attributes of any shape are decoded, or not, without an error", () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      decodeChunk(value);
      decodeObject(value);
    }),
  );
});

test("a chunk may lie only within its frame, and the frame within its pack", () => {
  const whole = { size: 1_000, encoding: "frames", retain_until: "2027-01-01T00:00:00.000Z" } as const;
  fc.assert(
    fc.property(chunk, (one) => {
      if (!mayLieIn(one, whole)) return;
      expect(one.frameOffset + one.frameLength).toBeLessThanOrEqual(1_000);
      expect(one.frameLength).toBeGreaterThan(0);
      expect(one.offset + one.length).toBeLessThanOrEqual(64 * 1024 * 1024);
    }),
  );
  const good = { key: pack, version: "1", frameOffset: 10, frameLength: 20, offset: 0, length: 5 };
  expect(mayLieIn(good, whole)).toBe(true);
  expect(mayLieIn({ ...good, frameOffset: 981 }, whole)).toBe(false);
  expect(mayLieIn({ ...good, key: "content/x" }, whole)).toBe(false);
  expect(mayLieIn({ ...good, key: "index/a/20261121T020003Z-0123abcd.jsonl.zst" }, whole)).toBe(false);
});

describe("keys of items", () => {
  test("those of a machine begin as its index objects do, and those of readers as verified objects do", () => {
    expect(sharedKeys.chunk({ name: "web1" }, "ab")).toBe("index/web1/chunk/ab");
    expect(sharedKeys.chunk("verified", "ab")).toBe("verified/chunk/ab");
    expect(sharedKeys.object({ name: "web1" }, { key: "packs/a.zst", version: "v" })).toBe(
      "index/web1/object/packs/a.zst@v",
    );
  });

  test("no name of a backup makes the prefix of another one, or that of readers", () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
    fc.assert(
      fc.property(name, name, (one, other) => {
        if (one !== other) expect(sharedKeys.published({ name: one })).not.toStartWith(`index/${other}/`);
        expect(sharedKeys.published({ name: one })).not.toStartWith("verified/");
      }),
    );
  });
});
