import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeEntry, decodeMoment, encodeMoment } from "../../../../core/format/entries/entry-json.ts";
import { FormatError } from "../../../../core/format/error.ts";
import { fromText } from "../../../../core/format/path.ts";
import { entry, moment } from "../arbitraries.ts";
import { comparable, encodeEntry } from "../entry-text.ts";
import { refusal } from "../mutation.ts";

const plainFile = {
  typ: "f",
  path: "/etc/motd",
  o: "root",
  g: "root",
  uid: 0,
  gid: 0,
  mode: 0o644,
  mt: "1700000000.000000000",
  size: 3,
  dat: [[0, 0, 12, 0, 3, "ab".repeat(32)]],
};
const extent = plainFile.dat[0];
const fields = [
  ...Object.keys(plainFile),
  "sb",
  "path_b64",
  "acl",
  "fl",
  "id",
  "segments",
  "holes",
  "w",
  "tgt",
  "tgt_b64",
];
const digest = "ab".repeat(32);
/** Values at the bounds of what fields may have. */
const odd: readonly unknown[] = [
  ...[null, "", "s-t", "--t", "é", -0, -1, 0.5, 1e16, 2 ** 53 - 1, 2 ** 32 - 1, 2 ** 32, 511, 512, "L2E=", "9.5"],
  ...[[], {}, [[0, 0, 1, 0, 0, digest]], [[0, 0, 1, 0, 3, digest, 1]], [[0, 0, 1, 0, 3, digest.toUpperCase()]]],
  ...[
    [[0, 0, 1, 0, 3]],
    [
      [0, 0, 1, 0, 1, digest],
      [0, 0, 1, 0, 2, digest],
    ],
    [[0, -1, 1, 0, 3, digest]],
    [null],
  ],
];

describe("an entry", () => {
  test("an entry is the same after writing and reading", () => {
    fc.assert(
      fc.property(entry, (one) => {
        expect(comparable(decodeEntry(JSON.parse(encodeEntry(one))))).toEqual(comparable(one));
      }),
      { numRuns: 200 },
    );
  });

  test("an entry is the same whether it is known as plain or passes the schema", () => {
    // Nothing with attributes is plain.
    const bySchema = (json: object) => decodeEntry({ xa: {}, ...json });
    const files = fc.constantFrom(plainFile, { ...plainFile, typ: "d" }, { ...plainFile, typ: "l", tgt: "x" });
    const values: unknown[] = [...odd, ...Object.values(plainFile)];
    const others = fc.oneof(fc.constantFrom(...values), fc.jsonValue());
    const changed = fc.tuple(files, fc.dictionary(fc.constantFrom(...fields), others, { maxKeys: 3 }));
    const read = (decode: () => unknown) => {
      const error = refusal(() => {
        decode();
      });
      return error === undefined ? decode() : error.message;
    };
    fc.assert(
      fc.property(changed, ([file, change]) => {
        const json: object = JSON.parse(JSON.stringify({ ...file, ...change }));
        expect(read(() => decodeEntry(json))).toEqual(read(() => bySchema(json)));
      }),
      { numRuns: 3_000 },
    );
  });

  test("an entry is one line of JSON", () => {
    fc.assert(fc.property(entry, (one) => expect(encodeEntry(one)).not.toContain("\n")));
  });

  test("an entry is the same bytes in whatever order its attributes were read", () => {
    fc.assert(
      fc.property(entry, (one) => {
        const reversed = { ...one, xattrs: new Map([...one.xattrs].reverse()) };
        expect(encodeEntry(reversed)).toBe(encodeEntry(one));
      }),
    );
  });

  test("an entry may carry fields of a later minor change, which are ignored", () => {
    expect(decodeEntry({ ...plainFile, colour: "red" }).path).toBe(fromText("/etc/motd"));
  });

  const refused: [string, unknown][] = [
    ["no object", null],
    ["an unknown type", { ...plainFile, typ: "s" }],
    ["a relative path", { ...plainFile, path: "etc/motd" }],
    ["an empty path", { ...plainFile, path: "" }],
    ["a path with ..", { ...plainFile, path: "/etc/../shadow" }],
    ["a path with . at its end", { ...plainFile, path: "/etc/." }],
    ["a path with an empty step", { ...plainFile, path: "/etc//motd" }],
    ["a path that ends in a slash", { ...plainFile, path: "/etc/" }],
    ["a path with a NUL byte", { ...plainFile, path: "/etc\0" }],
    ["a .. that only the exact bytes have", { ...plainFile, path_b64: Buffer.from("/a/../b").toString("base64") }],
    ["base64 that is none", { ...plainFile, path_b64: "!" }],
    ["a link to nowhere", { ...plainFile, typ: "l", tgt: "" }],
    ["a hard link to a path with ..", { ...plainFile, id: "/../etc" }],
    ["a hard link to a name after its own", { ...plainFile, id: "/zoo" }],
    ["special bits in the mode", { ...plainFile, mode: 0o4755 }],
    ["malformed special bits", { ...plainFile, sb: "s--t" }],
    ["a negative owner", { ...plainFile, uid: -1 }],
    ["a device without numbers", { ...plainFile, typ: "c" }],
    ["a time as a number", { ...plainFile, mt: 1.5 }],
    ["a time without nanoseconds", { ...plainFile, mt: "1.5" }],
    ["a time with too many digits", { ...plainFile, mt: "9999999999999999.000000000" }],
    ["content shorter than the file", { ...plainFile, size: 4 }],
    ["content longer than the file", { ...plainFile, size: 2 }],
    ["content and a hole that overlap", { ...plainFile, holes: [[0, 3]] }],
    ["a hole beyond the end", { ...plainFile, size: 6, holes: [[4, 3]] }],
    [
      "holes out of order",
      {
        ...plainFile,
        size: 6,
        holes: [
          [4, 2],
          [0, 1],
        ],
      },
    ],
    [
      "holes that overlap",
      {
        ...plainFile,
        size: 7,
        holes: [
          [0, 2],
          [1, 2],
        ],
      },
    ],
    ["an empty hole", { ...plainFile, holes: [[1, 0]] }],
    ["an empty extent", { ...plainFile, size: 0, dat: [[0, 0, 12, 0, 0, "ab".repeat(32)]] }],
    ["a digest that is too short", { ...plainFile, dat: [[0, 0, 12, 0, 3, "ab"]] }],
    ["an extent with a fraction", { ...plainFile, dat: [[0, 0.5, 12, 0, 3, "ab".repeat(32)]] }],
    ["lengths beyond what a number holds", { ...plainFile, dat: [extent, [0, 0, 12, 0, 2 ** 53, "ab".repeat(32)]] }],
    ["a warning of no known kind", { ...plainFile, w: ["haunted"] }],
  ];
  test.each(refused)("an entry is refused: %s", (_, document) => {
    expect(() => decodeEntry(document)).toThrow(FormatError);
  });

  test("entries that must be refused differ from a good one only in what their name says", () => {
    expect(decodeEntry(plainFile).type).toBe("file");
  });

  test("an entry made of any JSON is refused or read, nothing else", () => {
    const shape = fc.record(
      Object.fromEntries(
        Object.keys(plainFile).map((field) => [
          field,
          fc.oneof(fc.jsonValue(), fc.constant(plainFile[field as keyof typeof plainFile])),
        ]),
      ),
    );
    fc.assert(fc.property(shape, (document) => void refusal(() => decodeEntry(document))));
  });
});

describe("a moment", () => {
  test("a moment is the same after writing and reading", () => {
    fc.assert(fc.property(moment, (one) => expect(decodeMoment(encodeMoment(one))).toEqual(one)));
  });

  test.each([
    [{ seconds: 0, nanoseconds: 0 }, "0.000000000"],
    [{ seconds: 1, nanoseconds: 5 }, "1.000000005"],
    [{ seconds: -1, nanoseconds: 500_000_000 }, "-0.500000000"],
    [{ seconds: -2, nanoseconds: 500_000_000 }, "-1.500000000"],
    [{ seconds: -2, nanoseconds: 0 }, "-2.000000000"],
  ])("%o is written %s", (one, written) => {
    expect(encodeMoment(one)).toBe(written);
  });
});
