import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { BucketReader, GetOptions } from "../../../core/bucket/contract.ts";
import type { FileEntry } from "../../../core/format/entries/entry.ts";
import { fromText } from "../../../core/format/path.ts";
import { contentOf } from "../../../restore/browse/content.ts";
import { lookUp } from "../../../restore/browse/look-up.ts";
import { type Backup, Fixture, file, flipped, folder, link, noise } from "../support.ts";
import { counting, noted, signal } from "./support.ts";

type Source = Pick<BucketReader, "get">;

/** All bytes of a path; those that came before an error in `given`. */
async function read(bucket: Source, { manifest }: Backup, path: string, given: Uint8Array[] = []): Promise<Buffer> {
  const { entry, objects } = await lookUp({ bucket, manifest, gaps: noted().gaps }, fromText(path));
  if (entry.type !== "file") throw new Error("no file");
  for await (const bytes of contentOf(bucket, entry, objects, signal)) given.push(Buffer.from(bytes));
  return Buffer.concat(given);
}

const MiB = 1024 * 1024;

describe("the content of a file", () => {
  test.each(["frames", "zstd", "gzip", "none"] as const)(
    "a file is read back as it was, in the encoding %s",
    async (encoding) => {
      await using fixture = await Fixture.open();
      const chunks = [noise(1000), noise(5), noise(300_000), noise(2)];
      const large = [noise(6 * MiB)];
      const items = [file("/small", "x"), file("/several", chunks), file("/large", large), file("/empty", "")];
      const backup = await fixture.backup(items, { encoding, perFrame: 2 });
      expect(await read(fixture.bucket, backup, "/small")).toEqual(Buffer.from("x"));
      expect((await read(fixture.bucket, backup, "/several")).equals(Buffer.concat(chunks))).toBe(true);
      expect((await read(fixture.bucket, backup, "/large")).equals(Buffer.concat(large))).toBe(true);
      expect(await read(fixture.bucket, backup, "/empty")).toHaveLength(0);
    },
  );

  test("holes are read as zeros, wherever they are", async () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 4 }), async (stretches, chunk) => {
        await using fixture = await Fixture.open();
        const { data, whole, holes } = sparse(stretches);
        const chunks = Array.from({ length: Math.ceil(data.length / chunk) }, (_, n) =>
          data.subarray(n * chunk, (n + 1) * chunk),
        );
        const backup = await fixture.backup([file("/sparse", chunks, { holes })], { perFrame: 2 });
        expect((await read(fixture.bucket, backup, "/sparse")).equals(whole)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("frames that lie beside each other are read by one request", async () => {
    await using fixture = await Fixture.open();
    const chunks = Array.from({ length: 40 }, () => noise(100));
    const backup = await fixture.backup([file("/x", chunks)], { perFrame: 2 });
    const { bucket, counts } = counting(fixture);
    await read(bucket, backup, "/x");
    // The part and the pack.
    expect(counts.get).toBe(2);
  });

  test("the memory for a large file does not grow with it", async () => {
    await using fixture = await Fixture.open();
    const piece = noise(MiB);
    const backup = await fixture.backup(
      [
        file(
          "/x",
          Array.from({ length: 64 }, () => piece),
        ),
      ],
      { perFrame: 1 },
    );
    const { entry, objects } = await lookUp({ ...backup, bucket: fixture.bucket, gaps: noted().gaps }, fromText("/x"));
    let largest = 0;
    let sum = 0;
    for await (const bytes of contentOf(fixture.bucket, entry as FileEntry, objects, signal)) {
      largest = Math.max(largest, bytes.length);
      sum += bytes.length;
    }
    expect([largest, sum]).toEqual([MiB, 64 * MiB]);
  });
});

describe("an interrupt", () => {
  test("an interrupt ends the first of two reads of a large object, before any byte is given out", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([file("/x", [noise(6 * MiB)])], { encoding: "none" });
    const { entry, objects } = await lookUp({ ...backup, bucket: fixture.bucket, gaps: noted().gaps }, fromText("/x"));
    const controller = new AbortController();
    const reason = new Error("interrupted");
    const bucket: Source = {
      get(key, options) {
        controller.abort(reason);
        return fixture.bucket.get(key, options);
      },
    };
    const content = contentOf(bucket, entry as FileEntry, objects, controller.signal);
    expect(await content.next().catch((error: unknown) => error)).toBe(reason);
  });
});

describe("damage", () => {
  test("no byte of a damaged chunk is given out, and all before it are", async () => {
    await using fixture = await Fixture.open();
    const chunks = [noise(100), noise(200), noise(300)];
    const forge = (extents: FileEntry["extents"]) =>
      extents.map((extent, n) => (n === 1 ? { ...extent, sha256: "0".repeat(64) } : extent));
    const backup = await fixture.backup([file("/x", chunks, { forge })], { perFrame: 3 });
    const given: Uint8Array[] = [];
    const error = await read(fixture.bucket, backup, "/x", given).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ exit: 4, message: expect.stringContaining('cannot read "/x"') });
    expect(Buffer.concat(given).toString("hex")).toBe(chunks[0]?.toString("hex") ?? "");
  });

  test.each(["zstd", "none"] as const)(
    "no byte of a large damaged object is given out, in the encoding %s",
    async (encoding) => {
      await using fixture = await Fixture.open();
      const backup = await fixture.backup([file("/x", [noise(6 * MiB)])], { encoding });
      await fixture.damage(backup.objects[0]?.key ?? "", flipped);
      const given: Uint8Array[] = [];
      await expect(read(fixture.bucket, backup, "/x", given)).rejects.toMatchObject({ exit: 4 });
      expect(given).toEqual([]);
    },
  );

  test("an object that is gone is named", async () => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup([file("/x", "content")]);
    const key = backup.objects[0]?.key ?? "";
    await fixture.lose(key);
    const missing = { exit: 4, message: expect.stringContaining(`${JSON.stringify(key)} is missing`) };
    await expect(read(fixture.bucket, backup, "/x")).rejects.toMatchObject(missing);
  });

  test("bytes that were changed on the way once are read again, and each byte is given out once", async () => {
    await using fixture = await Fixture.open();
    const chunks = [noise(1000), noise(1000), noise(1000)];
    const backup = await fixture.backup([file("/x", chunks)], { perFrame: 1 });
    let reads = 0;
    const once: Source = {
      async *get(key: string, options?: GetOptions) {
        const isPack = key.startsWith("packs/");
        reads += isPack ? 1 : 0;
        // The second of three frames is changed the first time.
        for await (const piece of fixture.bucket.get(key, options)) {
          yield isPack && reads === 1 ? flipped(Buffer.from(piece), 1500) : piece;
        }
      },
    };
    expect((await read(once, backup, "/x")).equals(Buffer.concat(chunks))).toBe(true);
    expect(reads).toBe(2);
  });
});

describe("links", () => {
  test("a path is followed through links of the backup, above it and at its end", async () => {
    await using fixture = await Fixture.open();
    const items = [
      folder("/"),
      link("/bin", "usr/bin"),
      folder("/usr"),
      folder("/usr/bin"),
      file("/usr/bin/real", "content"),
      link("/usr/bin/tool", "../../bin/real"),
    ];
    const backup = await fixture.backup(items, { perPart: 2 });
    expect((await read(fixture.bucket, backup, "/bin/tool")).toString()).toBe("content");
  });

  test("links in a circle, and links that lead nowhere, end with what is wrong", async () => {
    await using fixture = await Fixture.open();
    const items = [link("/a", "b"), link("/b", "a"), link("/c", "/nothing"), link("/d", "d/d")];
    const backup = await fixture.backup(items);
    for (const path of ["/a", "/a/x", "/d"]) {
      await expect(read(fixture.bucket, backup, path)).rejects.toMatchObject({ exit: 1 });
    }
    await expect(read(fixture.bucket, backup, "/a")).rejects.toThrow("in a circle");
    await expect(read(fixture.bucket, backup, "/c")).rejects.toThrow(
      'it leads to "/nothing", and the backup has nothing of that path',
    );
  });
});

/** Alternating data and holes of so many bytes. */
function sparse(stretches: readonly (readonly [data: number, hole: number])[]) {
  const data: Buffer[] = [];
  const whole: Buffer[] = [];
  const holes: (readonly [number, number])[] = [];
  let at = 0;
  for (const [length, gap] of stretches) {
    const piece = noise(length);
    data.push(piece);
    whole.push(piece, Buffer.alloc(gap));
    if (gap > 0) holes.push([at + length, gap]);
    at += length + gap;
  }
  return { data: Buffer.concat(data), whole: Buffer.concat(whole), holes };
}
