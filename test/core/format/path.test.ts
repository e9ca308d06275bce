import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as paths from "../../../core/format/path.ts";
import { bytesWithoutNul, path } from "./arbitraries.ts";

const text = paths.fromText;

describe("byte strings", () => {
  test("byte strings keep any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(new Uint8Array(paths.toBytes(paths.fromBytes(bytes)))).toEqual(bytes);
      }),
    );
  });

  test("byte strings keep a view's own bytes, not those of the buffer under it", () => {
    expect(paths.fromBytes(Buffer.from("abcdef").subarray(2, 4))).toBe(text("cd"));
  });

  test("byte strings keep any text without lone surrogates", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (exact) => {
        expect(paths.toExactText(text(exact))).toBe(exact);
        expect(paths.toText(text(exact))).toBe(exact);
      }),
    );
  });

  test("byte strings compare with < as their bytes do", () => {
    fc.assert(
      fc.property(bytesWithoutNul, bytesWithoutNul, (a, b) => {
        expect(Math.sign(Buffer.compare(paths.toBytes(a), paths.toBytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });

  test.each([
    ["a lone continuation byte", [0x61, 0x80]],
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9]],
    ["a surrogate in UTF-8", [0xed, 0xa0, 0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
  ])("byte strings have no exact text: %s", (_, bytes) => {
    const odd = paths.fromBytes(Uint8Array.from(bytes));
    expect(paths.toExactText(odd)).toBeUndefined();
    expect(paths.toText(odd)).toContain("\ufffd");
  });

  test("byte strings keep a byte order mark", () => {
    expect(paths.toExactText(text("\ufeffa"))).toBe("\ufeffa");
  });
});

describe("paths", () => {
  test.each([
    ["/", "/"],
    ["/etc", "/"],
    ["/etc/passwd", "/etc"],
  ])("%s lies in %s", (inner, outer) => {
    expect(paths.parentOf(text(inner))).toBe(text(outer));
  });

  test("paths are their folder and name joined", () => {
    fc.assert(
      fc.property(
        path.filter((one) => one !== "/"),
        (one) => {
          expect(paths.join(paths.parentOf(one), paths.baseName(one))).toBe(one);
        },
      ),
    );
  });
});
