import { describe, expect, test } from "bun:test";
import { contentOfFrame } from "../../../../core/format/codecs/frame-stream.ts";
import { collect } from "../../../../core/stored/bytes.ts";
import { noise } from "../../../restore/support.ts";
import { refusalOf } from "../mutation.ts";

const mebibyte = 1024 * 1024;
const most = 64 * mebibyte;
const small = Buffer.from("one\ntwo\n");
/** Too long to be decompressed at once, as it is and compressed. */
const large = Buffer.concat([noise(mebibyte), Buffer.alloc(8 * mebibyte, "abc\n")]);

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const decode = (stored: Uint8Array, size = 60_000, limit = most) =>
  collect(contentOfFrame(inPieces(stored, size), limit), Number.POSITIVE_INFINITY);

describe("the content of a frame that comes in pieces", () => {
  test.each([
    [1, small],
    [7, small],
    [1_000, large],
    [300_000, large],
    [100 * mebibyte, large],
  ])("a frame that comes in pieces of %d bytes has the content of the whole", async (size, content) => {
    const stored = Bun.zstdCompressSync(content, { level: 3 });
    expect(Buffer.from(await decode(stored, size)).equals(content)).toBe(true);
  });

  test("a frame of the highest level is read in pieces", async () => {
    const stored = Bun.zstdCompressSync(large, { level: 19 });
    expect(Buffer.from(await decode(stored)).equals(large)).toBe(true);
  });

  const stored = Bun.zstdCompressSync(large, { level: 3 });
  /** States a window of 128 MiB. */
  const wide = Buffer.from(stored);
  wide[5] = 0x88;
  const reserved = Buffer.from(stored);
  reserved[9] = (reserved[9] ?? 0) | 0b110;
  const refused: [string, Uint8Array][] = [
    ["nothing", Buffer.alloc(0)],
    ["no frame", noise(mebibyte)],
    ["half a frame", stored.subarray(0, stored.length / 2)],
    ["a frame without its last byte", stored.subarray(0, -1)],
    ["two frames", Buffer.concat([stored, stored])],
    ["very many empty frames", Buffer.concat(Array.from({ length: 50_000 }, () => Bun.zstdCompressSync("")))],
    ["a byte after the frame", Buffer.concat([stored, Buffer.from("x")])],
    ["a window that takes too much memory", wide],
    ["a block of no known kind", reserved],
  ];
  test.each(refused)("a stream is refused as a frame: %s", async (_, bytes) => {
    expect((await refusalOf(decode(bytes)))?.kind).toBe("altered");
  });

  test("a frame that states more than is allowed is refused", async () => {
    expect((await refusalOf(decode(stored, 60_000, mebibyte)))?.kind).toBe("altered");
  });

  test("a reader of a frame that leaves early ends the source", async () => {
    let ended = false;
    const source = (async function* () {
      try {
        yield* inPieces(stored, 1_000);
      } finally {
        ended = true;
      }
    })();
    for await (const _ of contentOfFrame(source, most)) break;
    expect(ended).toBe(true);
  });
});
