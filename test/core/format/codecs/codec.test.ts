import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { type Compression, contentCodec, pays, sampleSize } from "../../../../core/format/codecs/codec.ts";

const zstd: Compression = { codec: "zstd", level: 3 };
const gzip: Compression = { codec: "gzip", level: 6 };
const none: Compression = { codec: "none", level: 0 };
const noise = randomBytes(sampleSize);
const text = Buffer.from("the same again and again, ".repeat(2000));

const compressStream = (content: AsyncIterable<Uint8Array>, { codec, level }: Compression) =>
  contentCodec(codec).encode(content, level);

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces));
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

describe("whether compressing pays", () => {
  test.each([zstd, gzip])("compressing pays for text with $codec", (compression) => {
    expect(pays(text, compression)).toBe(true);
  });
  test.each([zstd, gzip])("no for noise with $codec", (compression) => {
    expect(pays(noise, compression)).toBe(false);
  });
  test.each([zstd, gzip])("no for what shrinks by less than a tenth with $codec", (compression) => {
    expect(pays(Buffer.concat([noise, Buffer.alloc(sampleSize / 20)]), compression)).toBe(false);
  });
  test.each([zstd, gzip])("no for nothing with $codec", (compression) => {
    expect(pays(new Uint8Array(), compression)).toBe(false);
  });
  test("compressing never pays with none", () => {
    expect(pays(text, none)).toBe(false);
  });
});

describe("a compressed stream", () => {
  const content = Buffer.concat([text, noise]);

  test("a stream that is compressed with zstd decompresses to the same content", async () => {
    expect(zstdDecompressSync(await collect(compressStream(inPieces(content), zstd))).equals(content)).toBe(true);
  });
  test("a stream that is compressed with gzip decompresses to the same content", async () => {
    expect(gunzipSync(await collect(compressStream(inPieces(content), gzip))).equals(content)).toBe(true);
  });
  test("a stream that is compressed with none is the source itself", async () => {
    expect((await collect(compressStream(inPieces(content), none))).equals(content)).toBe(true);
  });
  test.each([zstd, gzip])("a compressed stream of nothing decompresses to nothing with $codec", async (compression) => {
    const packed = await collect(compressStream(inPieces(Buffer.alloc(0)), compression));
    expect((compression === zstd ? zstdDecompressSync(packed) : gunzipSync(packed)).length).toBe(0);
  });

  test.each([zstd, gzip, none])(
    "a compressed stream hands on an error of the source with $codec",
    async (compression) => {
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield noise;
        throw new Error("the source broke");
      }
      expect(collect(compressStream(failing(), compression))).rejects.toThrow("the source broke");
    },
  );

  test.each([zstd, gzip, none])(
    "a compressed stream ends the source when its reader leaves, with $codec",
    async (compression) => {
      let ended = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield noise;
        } finally {
          ended = true;
        }
      }
      for await (const _piece of compressStream(endless(), compression)) break;
      expect(ended).toBe(true);
    },
  );

  test.each([zstd, gzip])(
    "a compressed stream reads no further ahead than some megabytes with $codec",
    async (compression) => {
      let read = 0;
      async function* counted(): AsyncGenerator<Uint8Array> {
        for (; read < 1000; read += 1) yield randomBytes(sampleSize);
      }
      for await (const _piece of compressStream(counted(), compression)) {
        await Bun.sleep(50);
        break;
      }
      expect(read).toBeLessThan(100);
    },
  );
});
