import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { withFooter } from "../../../core/format/envelope.ts";
import { decodeManifest, encodeManifest } from "../../../core/format/manifest.ts";
import { manifest } from "./arbitraries.ts";
import { mutated, refusal, unnoticed } from "./mutation.ts";
import { sampleManifest } from "./sample-backup.ts";

const valid = Buffer.from(encodeManifest(sampleManifest));

/** A root with these lines changed, under a footer that is right for them: what a wrong or hostile writer may put. */
function rewritten(change: (lines: string[]) => string[]): Uint8Array {
  const lines = valid.toString().split("\n").slice(0, -2);
  return Buffer.from([...withFooter(change(lines).map((line) => `${line}\n`))].join(""));
}

describe("a manifest's root", () => {
  test("a manifest's root is the same after writing and reading", () => {
    fc.assert(fc.property(manifest, (one) => expect(decodeManifest(Buffer.from(encodeManifest(one)))).toEqual(one)));
  });

  test("a manifest's root is refused with any one bit changed, and cut anywhere", () => {
    expect(unnoticed(valid, decodeManifest)).toEqual([]);
  });

  test("a manifest's root is refused with up to four bytes changed", () => {
    const bytes = manifest.map((one) => Buffer.from(encodeManifest(one)));
    fc.assert(
      fc.property(
        bytes.chain((one) => fc.tuple(fc.constant(one), mutated(fc.constant(one)))),
        ([before, after]) => {
          fc.pre(!before.equals(after));
          expect(refusal(() => decodeManifest(after))).toBeDefined();
        },
      ),
      { numRuns: 300 },
    );
  });

  test("a manifest's root is refused with something after its footer", () => {
    expect(refusal(() => decodeManifest(Buffer.concat([valid, Buffer.from("\n")])))?.kind).toBe("altered");
    expect(refusal(() => decodeManifest(Buffer.concat([valid, valid])))?.kind).toBe("altered");
  });

  test("a manifest's root without a footer says that it was cut short", () => {
    const cut = valid.subarray(0, valid.lastIndexOf(10, valid.length - 2) + 1);
    expect(refusal(() => decodeManifest(cut))?.message).toBe("it is cut short: it has no footer");
  });

  test("a manifest's root whose footer does not match says that it was altered", () => {
    const altered = Buffer.from(valid.toString().replace('"web-1"', '"web-2"'));
    expect(refusal(() => decodeManifest(altered))?.message).toBe("its content does not match its footer's digest");
  });

  test("a manifest's root of a later version is refused as newer, whatever its footer", () => {
    const later = Buffer.from('{"format":"sysbackup-manifest","version":2}\n{"end":"elsewhere"}\n');
    expect(refusal(() => decodeManifest(later))?.kind).toBe("newer");
  });

  const refused: [string, Uint8Array][] = [
    ["nothing at all", Buffer.alloc(0)],
    ["one newline", Buffer.from("\n")],
    ["a footer alone", rewritten(() => [])],
    ["a header alone", rewritten(([header = ""]) => [header])],
    ["no totals", rewritten((lines) => lines.filter((line) => !line.startsWith('{"totals"')))],
    [
      "parts out of order",
      rewritten((lines) => lines.flatMap((line) => (line.includes('"part"') ? [line, line] : [line]))),
    ],
    ["a line of no known kind", rewritten((lines) => [...lines, '{"surprise":1}'])],
    [
      "a sealing that it cannot open",
      rewritten((lines) => lines.map((line) => line.replace('"sealing":null', '"sealing":"age"'))),
    ],
    [
      "a name that would leave its folder",
      rewritten((lines) => lines.map((line) => line.replace('"name":"web-1"', '"name":"../web"'))),
    ],
    [
      "a part that begins at a path with ..",
      rewritten((lines) => lines.map((line) => line.replace('"first":"/', '"first":"/../'))),
    ],
  ];
  test.each(refused)("a manifest's root is refused under a right digest: %s", (_, bytes) => {
    expect(refusal(() => decodeManifest(bytes))?.kind).toBe("altered");
  });

  test("roots that must be refused differ from a good one only in what their name says", () => {
    expect(decodeManifest(rewritten((lines) => lines))).toEqual(sampleManifest);
  });
});
