import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chunkLength, chunkSize } from "../../../../../core/archive/quilting/layouts/chunker.ts";
import { noise } from "../../noise.ts";

const mebibyte = 1024 * 1024;

/** Lengths of the chunks, cut as the pack store cuts them: from at most `chunkSize.largest` bytes at a time. */
function lengths(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let start = 0; start < bytes.length; start += found.at(-1) ?? 0) {
    found.push(chunkLength(bytes, start, Math.min(bytes.length, start + chunkSize.largest)));
  }
  return found;
}

function ends(bytes: Uint8Array): number[] {
  let end = 0;
  return lengths(bytes).map((length) => {
    end += length;
    return end;
  });
}

/** Noise, runs of one byte, and both mixed. */
const contents = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 3 * mebibyte }),
      seed: fc.integer({ min: 0, max: 1000 }),
      plain: fc.boolean(),
    }),
    { maxLength: 4 },
  )
  .map((pieces) =>
    Buffer.concat(pieces.map(({ length, seed, plain }) => (plain ? Buffer.alloc(length, seed) : noise(length, seed)))),
  );
const runs = { numRuns: 30 };

describe("chunks", () => {
  test("chunks make up the content, none empty", () => {
    fc.assert(
      fc.property(contents, (bytes) => {
        const found = lengths(bytes);
        expect(found.every((length) => length > 0)).toBe(true);
        expect(found.reduce((sum, length) => sum + length, 0)).toBe(bytes.length);
      }),
      runs,
    );
  });

  test("chunks but for the last are within the bounds", () => {
    fc.assert(
      fc.property(contents, (bytes) => {
        const found = lengths(bytes);
        expect(found.slice(0, -1).every((length) => length > chunkSize.smallest && length <= chunkSize.largest)).toBe(
          true,
        );
        expect(found.every((length) => length <= chunkSize.largest)).toBe(true);
      }),
      runs,
    );
  });

  test("a small content is one", () => {
    expect(lengths(noise(chunkSize.smallest))).toEqual([chunkSize.smallest]);
    expect(lengths(noise(1))).toEqual([1]);
  });

  test("the same content is cut alike, whatever comes before it in the buffer and after it", () => {
    fc.assert(
      fc.property(contents, fc.integer({ min: 0, max: 5000 }), (bytes, shift) => {
        const shifted = Buffer.concat([noise(shift, 7), bytes, noise(100, 8)]);
        for (let start = 0; start < bytes.length; ) {
          const end = Math.min(bytes.length, start + chunkSize.largest);
          const length = chunkLength(bytes, start, end);
          expect(chunkLength(shifted, shift + start, shift + end)).toBe(length);
          start += length;
        }
      }),
      runs,
    );
  });

  test("bytes put in change the chunks around them and no others", () => {
    const bytes = noise(24 * mebibyte, 1);
    const before = ends(bytes);
    const insertion = fc.record({
      at: fc.integer({ min: 0, max: bytes.length }),
      length: fc.integer({ min: 1, max: 5000 }),
    });
    fc.assert(
      fc.property(insertion, ({ at, length }) => {
        const after = ends(Buffer.concat([bytes.subarray(0, at), noise(length, 2), bytes.subarray(at)]));
        expect(after.filter((end) => end <= at)).toEqual(before.filter((end) => end <= at));
        const shifted = new Set(before.map((end) => end + length));
        const behind = after.filter((end) => end > at + length);
        const inStep = behind.findIndex((end) => shifted.has(end));
        // How soon cuts fall in step again is chance: hence the fixed seed.
        expect(inStep).toBeWithin(0, 7);
        expect(behind.slice(inStep)).toEqual([...shifted].filter((end) => end >= (behind[inStep] ?? 0)));
      }),
      { numRuns: 25, seed: 20261121 },
    );
  });

  test("chunks fall where they always fell: other cuts would store everything again", () => {
    expect(lengths(noise(10 * mebibyte))).toEqual([
      1906746, 566751, 730554, 694155, 937819, 1062703, 693748, 1223282, 1361609, 1308393,
    ]);
    expect(lengths(Buffer.alloc(5 * mebibyte, "sysbackup "))).toEqual([chunkSize.largest, chunkSize.largest, mebibyte]);
  });
});
