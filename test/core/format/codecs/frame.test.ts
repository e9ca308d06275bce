import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkFrame, frameContentSize, maxFrameContent, rawFrame } from "../../../../core/format/codecs/frame.ts";
import { encodeContents } from "../../../../core/format/packs/pack.ts";
import { mutated, refusal } from "../mutation.ts";

const zstd = Bun.which("zstd");
/** Lengths at which the header, or the number of blocks, changes. */
const edges = [0, 1, 255, 256, 257, 65_535, 65_791, 65_792, 131_071, 131_072, 131_073, 400_000];

const compressible = (length: number) => Buffer.alloc(length, "all work and no play ");
const random = (length: number) => {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (state * 48_271) % 0x7fffffff;
    return state;
  });
};

describe("a raw frame", () => {
  test("a raw frame is undone by Bun", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (content) => {
        expect(new Uint8Array(Bun.zstdDecompressSync(rawFrame(content)))).toEqual(content);
      }),
    );
  });

  test.each(edges)("a raw frame of %d bytes is undone by Bun, and states its size", (length) => {
    const content = random(length);
    const frame = rawFrame(content);
    checkFrame(frame);
    expect(frameContentSize(frame)).toBe(length);
    expect(Buffer.from(Bun.zstdDecompressSync(frame)).equals(content)).toBe(true);
  });

  test.skipIf(zstd === null)("a raw frame is undone by zstd: many in a row, a table of contents behind", () => {
    const contents = edges.map(random);
    const pack = Buffer.concat([...contents.map(rawFrame), encodeContents([])]);
    const { stdout, exitCode } = Bun.spawnSync(["zstd", "-d", "-c"], { stdin: pack });
    expect(exitCode).toBe(0);
    expect(Buffer.from(stdout).equals(Buffer.concat(contents))).toBe(true);
  });
});

describe("the check of a frame", () => {
  test.each([1, 3, 19])("the check of a frame accepts what Bun compresses at level %d", (level) => {
    for (const length of edges) {
      for (const content of [compressible(length), random(length)]) {
        const frame = Bun.zstdCompressSync(content, { level });
        checkFrame(frame);
        expect(frameContentSize(frame)).toBe(length);
      }
    }
  });

  test.skipIf(zstd === null)(
    "the check of a frame accepts what zstd compresses of a file, with a checksum",
    async () => {
      const { stdout } = Bun.spawnSync(["zstd", "-c", import.meta.path]);
      checkFrame(stdout);
      expect(frameContentSize(stdout)).toBe(Bun.file(import.meta.path).size);
    },
  );

  const frame = Bun.zstdCompressSync(compressible(1000));
  const bomb = Bun.zstdCompressSync(Buffer.alloc(maxFrameContent + 1));
  const refused: [string, Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["no frame", Buffer.from("content content content")],
    ["a skippable frame", encodeContents([])],
    ["more content than may be", bomb],
    ["a second frame behind the first", Buffer.concat([frame, bomb])],
    ["a byte too many", Buffer.concat([frame, Buffer.of(0)])],
    ["a block of no known kind", Buffer.concat([rawFrame(new Uint8Array(1)).subarray(0, 9), Buffer.of(0x0f, 0, 0, 0)])],
    ["a size that is not stated", Buffer.from("28b52ffd0058010000", "hex")],
  ];
  test.each(refused)("the check of a frame refuses %s", (_, bytes) => {
    expect(refusal(() => checkFrame(bytes))?.kind).toBe("altered");
  });

  test("the check of a frame refuses a frame cut anywhere", () => {
    const taken = [...frame.keys()].filter((at) => refusal(() => checkFrame(frame.subarray(0, at))) === undefined);
    expect(taken).toEqual([]);
  });

  test("the check of a frame counts the content that is allowed to the byte", () => {
    expect(refusal(() => checkFrame(frame, 1000))).toBeUndefined();
    expect(refusal(() => checkFrame(frame, 999))?.kind).toBe("altered");
  });

  test("the check of a frame that was changed anywhere throws a FormatError or nothing", () => {
    const frames = fc.uint8Array({ maxLength: 400 }).map((content) => Bun.zstdCompressSync(content));
    fc.assert(
      fc.property(mutated(frames), (bytes) => void refusal(() => checkFrame(bytes))),
      { numRuns: 300 },
    );
  });
});
