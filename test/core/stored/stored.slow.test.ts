/** Writing and reading stored objects, in a directory bucket. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type Bucket, BucketError, type GetOptions } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { addFilter, type CompressionName, compressionNames } from "../../../core/format/codecs/codec.ts";
import {
  codecOf,
  encodingOf,
  filtersOf,
  isEncoding,
  splitKey,
  suffixOf,
} from "../../../core/format/codecs/encoding.ts";
import { FormatError } from "../../../core/format/error.ts";
import { collect } from "../../../core/stored/bytes.ts";
import {
  decodeDocument,
  ObjectReading,
  readBeginning,
  readCheckedContent,
  readContent,
  readRange,
  readStored,
  streamDocument,
} from "../../../core/stored/read.ts";
import { type WriteTarget, writeBytes, writeHashed, writeStream } from "../../../core/stored/write.ts";
import { noise, sha256 } from "../../restore/support.ts";
import { type Scratch, scratch } from "../../support/faults/scratch.ts";
import { collectGarbage } from "../../support/garbage.ts";
import { toyFilter } from "../../support/toy-filter.ts";

const retention = { mode: "GOVERNANCE", until: new Date("2099-01-01T00:00:00Z") } as const;
const text = Buffer.from("the same again and again, ".repeat(20_000));

let place: Scratch;
let bucket: Bucket;
let added: Disposable;
beforeAll(async () => {
  place = await scratch();
  bucket = await openDirectoryBucket(place.path, { now: () => new Date("2026-11-21T02:00:03Z"), random: Math.random });
  added = addFilter(toyFilter);
});
afterAll(async () => {
  added[Symbol.dispose]();
  await place[Symbol.asyncDispose]();
});

const target = (filters: readonly string[] = []): WriteTarget => ({ bucket, retention, filters });
let names = 0;
const newKey = () => `content/${++names}`;

async function* pieces(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collected(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}

const chains = compressionNames.flatMap((codec) => [[], ["toy"]].map((filters) => [codec, filters] as const));

describe.each(chains)("content in %s with filters %j", (codec: CompressionName, filters: readonly string[]) => {
  test("content comes back as it was, however it is written and read", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.boolean(), async (bytes, streamed) => {
        const object = { codec, key: newKey(), metadata: {} };
        const written = streamed
          ? await writeStream(target(filters), { ...object, content: pieces(bytes, 700) })
          : await writeBytes(target(filters), { ...object, content: bytes });
        expect(written.encoding).toBe(encodingOf(codec, filters));
        expect(written.key).toBe(object.key + suffixOf(filters));
        expect((await collected(readContent(bucket, written, bytes.length + 1))).equals(bytes)).toBe(true);
        const most = Math.floor(bytes.length / 2);
        expect((await collected(readContent(bucket, written, most))).equals(bytes.subarray(0, most))).toBe(true);
        const beginning = (await readBeginning(bucket, written, most)).subarray(0, most);
        expect(Buffer.from(beginning).equals(bytes.subarray(0, most))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("content is checked against what was stored", async () => {
    const written = await writeStream(target(filters), { codec, key: newKey(), metadata: {}, content: pieces(text) });
    expect((await collected(readCheckedContent(bucket, written, text.length + 1))).equals(text)).toBe(true);
    const others = [{ sha256: sha256("") }, { size: written.size - 1 }, { size: written.size + 1 }];
    for (const other of others) {
      const read = collected(readCheckedContent(bucket, { ...written, ...other }, text.length + 1));
      await expect(read).rejects.toBeInstanceOf(FormatError);
    }
  });

  test("content is hashed to its end, though only its beginning is decoded", async () => {
    const content = noise(2_000_000);
    const written = await writeStream(target(filters), {
      codec,
      key: newKey(),
      metadata: {},
      content: pieces(content),
    });
    const hash = new Bun.CryptoHasher("sha256");
    const reading = new ObjectReading(bucket, written, (piece) => hash.update(piece));
    expect((await collected(reading.content(1000))).equals(content.subarray(0, 1000))).toBe(true);
    await reading.rest();
    expect(hash.digest("hex")).toBe(written.sha256);
  });
});

describe("a pack", () => {
  test.each([[[]], [["toy"]]])("a pack with filters %j is read in ranges of what is under them", async (filters) => {
    const content = noise(300_000);
    const written = await writeHashed(target(filters), {
      codec: "frames",
      content,
      keyOf: (digest) => `packs/${digest}.zst`,
      contentSha256: sha256(content),
    });
    expect(written.key).toBe(`packs/${written.sha256}.zst${suffixOf(filters)}`);
    expect(sha256(await collected(bucket.get(written.key)))).toBe(written.sha256);
    for (const [start, length] of [
      [0, 10],
      [100_000, 50_000],
      [299_999, 1],
    ] as const) {
      const found = await collected(readRange(bucket, written, { start, length }));
      expect(found.equals(content.subarray(start, start + length))).toBe(true);
    }
  });

  test("a pack without filters costs no more than its ranges", async () => {
    const written = await writeBytes(target(), { codec: "frames", content: noise(1000), key: newKey() });
    const asked: GetOptions[] = [];
    const watched = {
      get(key: string, options: GetOptions = {}) {
        asked.push(options);
        return bucket.get(key, options);
      },
    };
    await collected(readRange(watched, written, { start: 10, length: 20 }));
    expect(asked).toEqual([{ version: written.version, range: { start: 10, length: 20 } }]);
  });
});

describe("a document", () => {
  const bounds = { stored: 1_000_000, content: 1_000_000 };

  test.each([[[]], [["toy"]]])("a document with filters %j is undone as its key says", async (filters) => {
    const key = `manifests/host/${++names}.jsonl.zst`;
    const written = await writeBytes(target(filters), { codec: "frame", content: text, key });
    expect(splitKey(written.key)).toEqual({ base: key, filters });
    const streamed = await collect(streamDocument(bucket, written, { most: bounds.content }), bounds.content);
    expect(text.equals(streamed)).toBe(true);
    const stored = await readStored(bucket, written, bounds.stored);
    expect(text.equals(await decodeDocument(stored, `somewhere/else${suffixOf(filters)}`, bounds))).toBe(true);
  });

  test.each([[[]], [["toy"]]])(
    "a document with filters %j is refused when it is larger than its reader allows",
    async (filters) => {
      const written = await writeBytes(target(filters), { codec: "frame", content: text, key: newKey() });
      const streamed = collect(streamDocument(bucket, written, { most: text.length - 1 }), bounds.content);
      await expect(streamed).rejects.toBeInstanceOf(FormatError);
      await expect(readStored(bucket, written, written.size - 1)).rejects.toBeInstanceOf(BucketError);
    },
  );

  test("a document is refused when it is not one frame that states its size", async () => {
    const hostile = [
      Buffer.concat([Bun.zstdCompressSync("x"), Bun.zstdCompressSync(Buffer.alloc(100_000_000))]),
      gzipSync(text),
      Buffer.from("{}"),
    ];
    for (const stored of hostile) {
      await expect(decodeDocument(stored, "x.jsonl.zst", bounds)).rejects.toBeInstanceOf(FormatError);
    }
  });
});

describe("content that decompresses to more than anyone can hold", () => {
  /** 1 GiB of zeros in frames one after another. */
  const bomb = Buffer.concat(Array(16).fill(Bun.zstdCompressSync(Buffer.alloc(64 * 1024 ** 2))));

  test.each([
    ["zstd", bomb],
    ["gzip", gzipSync(Buffer.alloc(200 * 1024 ** 2))],
  ] as const)(
    "content that decompresses to more than anyone can hold in %s is read no further than asked for, in little memory",
    async (encoding, stored) => {
      const put = await bucket.put(newKey(), stored, { retention });
      const object = { ...put, encoding };
      collectGarbage();
      const before = process.memoryUsage.rss();
      expect((await collected(readContent(bucket, object, 1_000_000))).equals(Buffer.alloc(1_000_000))).toBe(true);
      const beginning = await readBeginning(bucket, object, 1_000_000);
      expect(Buffer.alloc(1_000_000).equals(beginning)).toBe(true);
      expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 ** 2);
    },
  );
});

describe("an encoding", () => {
  test.each(["zstd", "gzip", "none", "frames", "frames+toy", "none+toy", "gzip+toy+toy"])("%s is known", (text) => {
    if (!isEncoding(text)) throw new Error(`${text} is not known`);
    expect(encodingOf(codecOf(text), filtersOf(text))).toBe(text);
  });

  test.each(["", "toy", "frame", "+toy", "zstd+", "zstd+gpg", "zstd+zstd", "toString", "__proto__", "zstd toy"])(
    "%j is refused",
    (text) => {
      expect(isEncoding(text)).toBe(false);
    },
  );
});

describe("a filter", () => {
  test.each([
    ["with the name of one that is there", { name: "toy", suffix: ".other" }],
    ["with the suffix of one that is there", { name: "other", suffix: ".toy" }],
    ["with the suffix of a codec", { name: "other", suffix: ".zst" }],
    ["without a suffix", { name: "other", suffix: "" }],
    ["whose name would not fit into an encoding", { name: "a+b", suffix: ".ab" }],
  ])("%s cannot be added", (_, names) => {
    expect(() => addFilter({ ...toyFilter, ...names })).toThrow("not a filter that can be added");
  });
});
