import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PathSet } from "../../../../../core/archive/quilting/paths/path-set.ts";
import { type ByteString, fromBytes } from "../../../../../core/format/path.ts";

function inBytes(...values: number[]): ByteString {
  return fromBytes(Uint8Array.from(values));
}

function ordered(paths: Iterable<ByteString>): ByteString[] {
  using set = new PathSet();
  for (const path of paths) set.add(path);
  return [...set.inOrder()];
}

/** More than a set holds in memory; sorts behind the paths of these tests. */
const filler = Array.from({ length: 2_200 }, (_, number) => `\xff${"z".repeat(4_000)}${number}` as ByteString);

/** Like `ordered`, of a set that is larger than memory. */
function orderedOnDisk(paths: Iterable<ByteString>): ByteString[] {
  const all = ordered([...filler, ...paths, ...paths]);
  return all.slice(0, all.length - filler.length);
}

describe("a path set", () => {
  test("a path set is in byte order, bytes beyond ASCII and control characters included", () => {
    const expected = [
      inBytes(0x2f),
      inBytes(0x2f, 0x01),
      inBytes(0x2f, 0x0a),
      inBytes(0x2f, 0x2d),
      inBytes(0x2f, 0x61),
      inBytes(0x2f, 0x61, 0x2d),
      inBytes(0x2f, 0x61, 0x2f, 0x62),
      inBytes(0x2f, 0x61, 0x62),
      inBytes(0x2f, 0x7f),
      inBytes(0x2f, 0x80),
      inBytes(0x2f, 0xc2, 0x80),
      inBytes(0x2f, 0xc3, 0xa9),
      inBytes(0x2f, 0xff),
    ];
    expect(ordered(expected.toReversed())).toEqual(expected);
    expect(orderedOnDisk(expected.toReversed())).toEqual(expected);
  });

  test("a path set of any bytes is ordered as memcmp orders them, each once", () => {
    const path = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => bytes.map((byte) => byte || 1));
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        const sorted = paths.toSorted((a, b) => Buffer.compare(a, b)).map(fromBytes);
        expect(ordered(paths.map(fromBytes))).toEqual(sorted.filter((one, index) => one !== sorted[index - 1]));
      }),
    );
  });

  test("a path set of more than a page and than memory is whole, added twice and in no order", () => {
    using set = new PathSet();
    const most = 25_000;
    const path = (number: number) => `/${"a".repeat(500)}${String(number).padStart(6, "0")}` as ByteString;
    for (let at = 0; at < 2 * most; at += 1) set.add(path((at * 7919) % most));
    expect(set.size).toBe(most);
    let next = 0;
    for (const one of set.inOrder()) {
      if (one !== path(next)) throw new Error(`${one} came where ${path(next)} should`);
      next += 1;
    }
    expect(next).toBe(most);
  });

  test("a path set of nothing is empty", () => {
    expect(ordered([])).toEqual([]);
  });

  test("a path set of exactly one page ends", () => {
    for (const size of [1_999, 2_000, 2_001, 4_000]) {
      const long = "a".repeat(5_000);
      expect(ordered(Array.from({ length: size }, (_, number) => `/${long}${number}` as ByteString))).toHaveLength(
        size,
      );
    }
  });
});
