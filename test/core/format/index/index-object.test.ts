import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeIndex, encodeIndex } from "../../../../core/format/index/index-object.ts";
import { withFooter } from "../../../../core/format/lines/envelope.ts";
import { once } from "../../../../core/stored/bytes.ts";
import { indexLines } from "../arbitraries.ts";
import { flip, mutated, refusalOf, unnoticed } from "../mutation.ts";
import { sampleIndex } from "../sample-backup.ts";

const decode = (bytes: Uint8Array) => Array.fromAsync(decodeIndex(once(bytes)));
const encode = (lines: Parameters<typeof encodeIndex>[2]) =>
  Buffer.from([...encodeIndex("web-1", "9f86d081", lines)].join(""));

/** Lines as given, under a footer that is right for them: what a wrong or hostile writer may put. */
function footed(...lines: unknown[]): Uint8Array {
  return Buffer.from([...withFooter(lines.map((line) => `${JSON.stringify(line)}\n`))].join(""));
}

const head = { format: "sysbackup-index", version: 1, name: "web-1", run: "9f86d081" };
const object = {
  key: "packs/a.zst",
  version: "1",
  size: 100,
  encoding: "frames",
  retain_until: "2026-12-28T02:00:03Z",
};

describe("an index object", () => {
  test("an index object is the same after writing and reading", async () => {
    await fc.assert(fc.asyncProperty(indexLines, async (lines) => expect(await decode(encode(lines))).toEqual(lines)));
  });

  test("an index object is refused with any one bit changed, and cut anywhere", async () => {
    expect(await unnoticed(encode(sampleIndex), decode)).toEqual([]);
  });

  test("an index object is refused with up to four bytes changed", async () => {
    await fc.assert(
      fc.asyncProperty(
        indexLines.chain((lines) => fc.tuple(fc.constant(encode(lines)), mutated(fc.constant(encode(lines))))),
        async ([before, after]) => {
          fc.pre(!before.equals(after));
          expect(await refusalOf(decode(after))).toBeDefined();
        },
      ),
    );
  });

  test("an index object is refused at its end if its last byte is another", async () => {
    const altered = encode(sampleIndex);
    flip(altered, altered.length - 10, 1);
    expect((await refusalOf(decode(altered)))?.kind).toBe("altered");
  });

  test("an index object of a later version is refused as newer, whatever its footer", async () => {
    const later = Buffer.from('{"format":"sysbackup-index","version":2}\n');
    expect((await refusalOf(decode(later)))?.kind).toBe("newer");
  });

  const refused: [string, Uint8Array][] = [
    ["nothing at all", Buffer.alloc(0)],
    ["a name that would leave its folder", footed({ ...head, name: "../web" })],
    ["a line of no known kind", footed(head, { surprise: 1 })],
    ["a frame before its object", footed(head, { frame: [0, 0, 10, []] }, { object })],
    ["a frame beyond its object", footed(head, { object }, { frame: [0, 91, 10, []] })],
    ["an empty frame", footed(head, { object }, { frame: [0, 0, 0, []] })],
    [
      "half an object without frames",
      footed(head, { object: { ...object, encoding: "zstd" } }, { frame: [0, 0, 10, []] }),
    ],
    ["a date that is none", footed(head, { object: { ...object, retain_until: "2026-02-31T00:00:00Z" } })],
  ];
  test.each(refused)("an index object is refused under a right digest: %s", async (_, bytes) => {
    expect((await refusalOf(decode(bytes)))?.kind).toBe("altered");
  });

  test("index objects that must be refused differ from a good one only in what their name says", async () => {
    expect(await decode(footed(head, { object }, { frame: [0, 90, 10, []] }))).toHaveLength(2);
  });
});
