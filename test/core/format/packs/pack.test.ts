import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { contentsLength, contentsSize, decodeContents, encodeContents } from "../../../../core/format/packs/pack.ts";
import { packedFrames } from "../arbitraries.ts";
import { mutated, refusal } from "../mutation.ts";

const comparable = (frames: ReturnType<typeof decodeContents>) =>
  frames.map(({ length, chunks }) => ({
    length,
    chunks: chunks.map((chunk) => [Buffer.from(chunk.id).toString("hex"), chunk.length]),
  }));

describe("a pack's table of contents", () => {
  test("a pack's table of contents is the same after writing and reading, and as long as foretold", () => {
    fc.assert(
      fc.property(packedFrames, (frames) => {
        const bytes = encodeContents(frames);
        expect(comparable(decodeContents(bytes))).toEqual(comparable(frames));
        expect(bytes.length).toBe(contentsSize(frames.length, frames.flatMap((frame) => frame.chunks).length));
      }),
    );
  });

  test("a pack's table of contents is found from the end of the pack", () => {
    fc.assert(
      fc.property(packedFrames, fc.uint8Array(), (frames, before) => {
        const contents = encodeContents(frames);
        const pack = Buffer.concat([before, contents]);
        expect(contentsLength(pack.subarray(-12))).toBe(contents.length);
        expect(contentsLength(pack)).toBe(contents.length);
      }),
    );
  });

  test("a pack's table of contents is a frame that zstd skips", () => {
    const frame = Bun.zstdCompressSync(Buffer.from("content"));
    const contents = encodeContents([{ length: frame.length, chunks: [{ id: new Uint8Array(32), length: 7 }] }]);
    expect(Bun.zstdDecompressSync(Buffer.concat([frame, contents])).toString()).toBe("content");
  });

  test("a pack's table of contents changed or cut anywhere gives a FormatError or frames, nothing else", () => {
    fc.assert(
      fc.property(mutated(packedFrames.map(encodeContents)), (bytes) => void refusal(() => decodeContents(bytes))),
      { numRuns: 300 },
    );
  });

  const valid = encodeContents([{ length: 9, chunks: [{ id: new Uint8Array(32), length: 7 }] }]);
  const changed = (at: number, byte: number) => Uint8Array.from(valid).fill(byte, at, at + 1);
  const refused: [string, Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["shorter than its end mark", valid.subarray(-11)],
    ["another end mark", changed(valid.length - 1, 2)],
    ["another frame than a skippable one", changed(0, 0x28)],
    ["a skippable frame of another length", changed(4, 0)],
    ["more chunks than there is room for", changed(12, 2)],
    ["fewer chunks than there are", changed(12, 0)],
    ["chunks beyond counting", changed(15, 255)],
    ["a first byte missing", valid.subarray(1)],
  ];
  test.each(refused)("a pack's table of contents is refused: %s", (_, bytes) => {
    expect(refusal(() => decodeContents(bytes))?.kind).toBe("altered");
  });
});
