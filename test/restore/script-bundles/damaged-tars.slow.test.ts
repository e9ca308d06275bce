/** Tars that are cut off, or whose headers make no sense: what comes before the damage comes back. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { useCodecPrograms } from "../../../core/system/processes/codec-programs.ts";
import { octal, paxRecord, rawHeader, rawMember, tarEnd, tarExtension } from "./raw-tar.ts";
import { after, before, restored, text } from "./restored-tar.ts";

useCodecPrograms();

const base256 = (hex: string) => Buffer.from(hex, "hex");

const wholes: readonly (readonly [name: string, tar: readonly Buffer[], says: string])[] = [
  ["ends within a header", [before, after.subarray(0, 100)], "ends"],
  [
    "ends within the content of a file",
    [before, rawMember({ name: "t/x", size: octal(10_000), content: text("x") })],
    "ends",
  ],
  ["ends without its end mark", [before, after], "ends"],
  ["has a header with a wrong sum", [before, rawHeader({ wrongBy: 1 }), after, tarEnd], "it is no tar"],
  [
    "has a pax header of 8 GiB",
    [before, rawHeader({ typeflag: "x", size: base256("800000000000000200000000") }), after, tarEnd],
    "too long",
  ],
  [
    "has a long name of 8 GiB",
    [before, rawHeader({ typeflag: "L", size: base256("800000000000000200000000") }), after, tarEnd],
    "too long",
  ],
  [
    "has a size beyond all numbers",
    [before, rawHeader({ size: base256("807fffffffffffffffffffff") }), after, tarEnd],
    "too large",
  ],
  [
    "has a size of 8 PiB",
    [before, rawHeader({ size: base256("800000000020000000000000").subarray(0, 12) }), after, tarEnd],
    "",
  ],
  [
    "has a pax size that is no number",
    [before, tarExtension("x", paxRecord("size", "-1")), rawHeader({}), after, tarEnd],
    "malformed",
  ],
  [
    "has a pax record that is longer than its header",
    [before, tarExtension("x", text("99999 path=x\n")), rawHeader({}), after, tarEnd],
    "malformed",
  ],
  [
    "has a pax record of no length",
    [before, tarExtension("x", text("0 path=x\n")), rawHeader({}), after, tarEnd],
    "malformed",
  ],
];

describe("what comes before the damage of a tar comes back, and the reason is named, if the tar", () => {
  test.each(wholes)(
    "what comes before the damage of a tar comes back, and the reason is named, if the tar %s",
    async (_, tar, says) => {
      await restored(
        () => tar,
        async ({ fault, target }) => {
          expect(fault).toContain("it is damaged: ");
          expect(fault).toContain(says);
          expect(await readFile(join(target, "t/before"), "utf8")).toBe("before");
        },
      );
    },
  );
});

test("a tar with nothing in it is refused as damaged", async () => {
  await expect(
    restored(
      () => [],
      () => Promise.resolve(),
    ),
  ).rejects.toThrow("ends too early");
});

const cuts = { gz: "gzip", bz2: "bzip2", xz: "xz" } as const;
describe("what comes before the cut of a bundle comes back:", () => {
  test.each(["gz", "bz2", "xz"] as const)("what comes before the cut of a bundle comes back: %s", async (suffix) => {
    const tar = Buffer.concat([before, rawMember({ name: "t/large", content: randomBytes(5_000_000) }), after, tarEnd]);
    const stored = Bun.spawnSync([cuts[suffix], "-c"], { stdin: tar }).stdout.subarray(0, 4_000_000);
    await restored(
      stored,
      async ({ fault, target }) => {
        expect(fault).toContain("it is damaged: ");
        expect(await readFile(join(target, "t/before"), "utf8")).toBe("before");
        expect(await readdir(join(target, "t"))).toEqual(["before"]);
      },
      suffix,
    );
  });
});
