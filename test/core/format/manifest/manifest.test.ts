import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { withFooter } from "../../../../core/format/lines/envelope.ts";
import { decodeManifest, encodeManifest } from "../../../../core/format/manifest/manifest.ts";
import { once } from "../../../../core/stored/bytes.ts";
import { manifest } from "../arbitraries.ts";
import { mutated, refusalOf, unnoticed } from "../mutation.ts";
import { sampleManifest } from "../sample-backup.ts";

const decode = (bytes: Uint8Array) => decodeManifest(once(bytes));
const valid = Buffer.from(encodeManifest(sampleManifest));

/** A root with these lines changed, under a footer that is right for them: what a wrong or hostile writer may put. */
function rewritten(change: (lines: string[]) => string[]): Uint8Array {
  const lines = valid.toString().split("\n").slice(0, -2);
  return Buffer.from([...withFooter(change(lines).map((line) => `${line}\n`))].join(""));
}

describe("a manifest's root", () => {
  test("a manifest's root is the same after writing and reading", async () => {
    await fc.assert(
      fc.asyncProperty(manifest, async (one) => {
        const { proof: _, ...read } = await decode(Buffer.from(encodeManifest(one)));
        expect(read).toEqual(one);
      }),
    );
  });

  test("a manifest's root is refused with any one bit changed, and cut anywhere", async () => {
    expect(await unnoticed(valid, decode)).toEqual([]);
  });

  test("a manifest's root is refused with up to four bytes changed", async () => {
    const bytes = manifest.map((one) => Buffer.from(encodeManifest(one)));
    await fc.assert(
      fc.asyncProperty(
        bytes.chain((one) => fc.tuple(fc.constant(one), mutated(fc.constant(one)))),
        async ([before, after]) => {
          fc.pre(!before.equals(after));
          expect(await refusalOf(decode(after))).toBeDefined();
        },
      ),
      { numRuns: 150 },
    );
  });

  test("a manifest's root is refused with something after its footer", async () => {
    expect((await refusalOf(decode(Buffer.concat([valid, Buffer.from("\n")]))))?.kind).toBe("altered");
    expect((await refusalOf(decode(Buffer.concat([valid, valid]))))?.kind).toBe("altered");
  });

  test("a manifest's root says that it was cut short where the footer is missing", async () => {
    const cut = valid.subarray(0, valid.lastIndexOf(10, valid.length - 2) + 1);
    expect((await refusalOf(decode(cut)))?.message).toBe("it is cut short: it has no footer");
  });

  test("a manifest's root says that it was altered where the footer does not match", async () => {
    const altered = Buffer.from(valid.toString().replace('"web-1"', '"web-2"'));
    expect((await refusalOf(decode(altered)))?.message).toBe("its content does not match its footer's digest");
  });

  test("a manifest's root of a later version is refused as newer, whatever its footer", async () => {
    const later = Buffer.from('{"format":"sysbackup-manifest","version":5}\n{"end":"elsewhere"}\n');
    expect((await refusalOf(decode(later)))?.kind).toBe("newer");
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
  test.each(refused)("a manifest's root is refused under a right digest: %s", async (_, bytes) => {
    expect((await refusalOf(decode(bytes)))?.kind).toBe("altered");
  });

  test("roots that must be refused differ from a good one only in what their name says", async () => {
    expect(await decode(rewritten((lines) => lines))).toEqual(sampleManifest);
  });
});
