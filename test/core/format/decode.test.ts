import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { type ContentCodec, contentCodec } from "../../../core/format/codecs/codec.ts";
import { decodeFrame } from "../../../core/format/codecs/frame.ts";
import { FormatError } from "../../../core/format/error.ts";
import { release } from "../../../core/system/threads/garbage.ts";
import { flipped, noise } from "../../restore/support.ts";

const decodeStream = (stored: AsyncIterable<Uint8Array>, codec: ContentCodec) => contentCodec(codec).decode(stored);

const content = Buffer.concat([noise(300_000), Buffer.alloc(500_000)]);

async function* pieces(bytes: Uint8Array, size = 10_000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of stream) all.push(piece);
  return Buffer.concat(all);
}

describe("a frame", () => {
  test("a frame is decompressed, also from the middle of a larger buffer, which stays usable", async () => {
    const frame = Bun.zstdCompressSync(content);
    const around = Buffer.concat([noise(7), frame, noise(7)]);
    const decoded = await decodeFrame(around.subarray(7, 7 + frame.length));
    expect(content.equals(decoded)).toBe(true);
    release(decoded);
    expect(decoded.length).toBe(0);
    expect(frame.equals(around.subarray(7, 7 + frame.length))).toBe(true);
  });

  test("a frame of nothing is nothing", async () => {
    expect((await decodeFrame(Bun.zstdCompressSync(""))).length).toBe(0);
  });

  test.each([
    ["larger than allowed", Bun.zstdCompressSync(content), 1000],
    ["that says less than it holds", lying(Bun.zstdCompressSync(content)), undefined],
    ["that is cut short", Bun.zstdCompressSync(content).subarray(0, 1000), undefined],
    ["of nonsense", Buffer.concat([Bun.zstdCompressSync("x").subarray(0, 6), noise(100)]), undefined],
    ["that is no frame", Buffer.from("hello, world"), undefined],
  ])("%s is refused", async (_, frame, most) => {
    await expect(decodeFrame(frame, most)).rejects.toBeInstanceOf(FormatError);
  });

  function lying(frame: Buffer): Buffer {
    const changed = Buffer.from(frame);
    // Magic, descriptor, window: then come four bytes of content size.
    changed.writeUInt32LE(1000, 6);
    return changed;
  }
});

describe("a whole object", () => {
  const encodings = [
    ["zstd", Bun.zstdCompressSync(content)],
    ["gzip", gzipSync(content)],
    ["none", content],
  ] as const;

  test.each(encodings)("a whole object in %s is decoded piece by piece", async (encoding, stored) => {
    expect(content.equals(await collected(decodeStream(pieces(stored), encoding)))).toBe(true);
  });

  test.each(encodings)(
    "a whole object in %s is decoded at once, and refused if it is more than asked for",
    async (encoding, stored) => {
      const { whole } = contentCodec(encoding);
      if (whole === undefined) throw new Error(`${encoding} cannot be decoded at once`);
      expect(content.equals(await whole.decode(stored, content.length))).toBe(true);
      if (encoding === "none") return;
      await expect(whole.decode(stored, content.length - 1)).rejects.toBeInstanceOf(FormatError);
      await expect(whole.decode(stored.subarray(9), content.length)).rejects.toBeInstanceOf(FormatError);
    },
  );

  test.each(encodings)("a whole object in %s that is left early ends its source", async (encoding, stored) => {
    let ended = false;
    async function* source() {
      try {
        yield* pieces(stored, 100);
      } finally {
        ended = true;
      }
    }
    for await (const _ of decodeStream(source(), encoding)) break;
    expect(ended).toBe(true);
  });

  test.each(encodings)("a whole object in %s passes on the error of its source", async (encoding, stored) => {
    const error = new Error("connection lost");
    async function* source() {
      yield stored.subarray(0, 1000);
      throw error;
    }
    await expect(collected(decodeStream(source(), encoding))).rejects.toBe(error);
  });

  test.each([
    ["zstd", Buffer.from("hello, world")],
    ["gzip", Buffer.from("hello, world")],
    ["gzip", gzipSync(content).subarray(0, 5000)],
    ["gzip", flipped(gzipSync(content), 20)],
  ] as const)("a whole object in %s that is nonsense is a FormatError", async (encoding, stored) => {
    await expect(collected(decodeStream(pieces(stored), encoding))).rejects.toBeInstanceOf(FormatError);
  });
});
