import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import type { LayoutDeps } from "../../../../../core/archive/quilting/layouts/layout.ts";
import { PackLayout, type PackOptions } from "../../../../../core/archive/quilting/layouts/packs.ts";
import { wrapBucket } from "../../../../../core/bucket/wrap.ts";
import { checkFrame } from "../../../../../core/format/codecs/frame.ts";
import { contentsLength, decodeContents } from "../../../../../core/format/packs/pack.ts";
import { run } from "../../../../support/services/command.ts";
import { has } from "../../../../support/services.ts";
import { faulty } from "../../../bucket/faults.ts";
import { sha256 } from "../../backup.ts";
import { noise } from "../../noise.ts";
import { StoreBench } from "./bench.ts";

const mebibyte = 1024 * 1024;
const zstd: PackOptions = { packSize: 4 * mebibyte, level: 3 };
const packs =
  (options = zstd) =>
  (deps: LayoutDeps) =>
    new PackLayout(deps, options);

type Chunk = { readonly id: string; readonly bytes: Buffer };

/** The chunks of a pack as its table of contents tells of them, each checked. */
function chunksOf(pack: Buffer): Chunk[] {
  const contents = pack.subarray(pack.length - contentsLength(pack.subarray(-12)));
  const chunks: Chunk[] = [];
  let at = 0;
  for (const frame of decodeContents(contents)) {
    const stored = pack.subarray(at, at + frame.length);
    checkFrame(stored);
    const content = zstdDecompressSync(stored);
    let offset = 0;
    for (const { id, length } of frame.chunks) {
      const bytes = content.subarray(offset, offset + length);
      expect(sha256(bytes)).toBe(Buffer.from(id).toString("hex"));
      chunks.push({ id: sha256(bytes), bytes });
      offset += length;
    }
    expect(offset).toBe(content.length);
    at += frame.length;
  }
  expect(at + contents.length).toBe(pack.length);
  return chunks;
}

/** A file's bytes, from the row that was recorded for it. */
async function contentOf(bench: StoreBench, name: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const [object, frameOffset, frameLength, offset, length, digest] of bench.extents(name)) {
    const pack = await bench.bytes(bench.keyOf(object));
    const frame = zstdDecompressSync(pack.subarray(frameOffset, frameOffset + frameLength));
    pieces.push(frame.subarray(offset, offset + length));
    expect(sha256(frame.subarray(offset, offset + length))).toBe(digest);
  }
  return Buffer.concat(pieces);
}

/** Files whose sizes lie around the bounds of chunks, frames and packs. */
const sizes = [
  1,
  2,
  100,
  524_287,
  524_288,
  524_289,
  mebibyte - 1,
  mebibyte,
  mebibyte + 1,
  3 * mebibyte + 7,
  9 * mebibyte,
];
const files = new Map(sizes.map((size, index) => [`file-${size}`, noise(size, index)]));

async function addAll(bench: StoreBench, options = zstd): Promise<LayoutDeps["meter"]> {
  return bench.run(packs(options), async (session) => {
    for (const [name, bytes] of files) await session.add(name, bytes);
  });
}

describe("packs", () => {
  test("packs hold every file, in frames that their table of contents describes", async () => {
    await using bench = await StoreBench.make();
    const meter = await addAll(bench);
    for (const [name, bytes] of files) expect((await contentOf(bench, name)).equals(bytes)).toBe(true);
    const keys = await bench.keys();
    const stored = await Promise.all(keys.map((key) => bench.bytes(key)));
    const ids = stored.flatMap((pack) => chunksOf(pack).map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(bench.count("chunks"));
    expect(keys).toEqual(stored.map((pack) => `packs/${sha256(pack)}.zst`));
    expect(meter).toEqual({
      bytesRead: sizes.reduce((sum, size) => sum + size, 0),
      bytesStored: stored.reduce((sum, pack) => sum + pack.length, 0),
      objectsStored: keys.length,
    });
  });

  test.skipIf(!has("zstd"))("packs are read whole by zstd -d", async () => {
    await using bench = await StoreBench.make();
    await addAll(bench);
    for (const key of await bench.keys()) {
      const pack = await bench.bytes(key);
      await Bun.write(`${bench.path}/pack.zst`, pack);
      await run(["zstd", "-d", "-q", "-f", `${bench.path}/pack.zst`]);
      const chunks = chunksOf(pack).map(({ bytes }) => bytes);
      expect(readFileSync(`${bench.path}/pack`).equals(Buffer.concat(chunks))).toBe(true);
    }
  });

  test.each([1, 4, 16])("packs are no larger than %d MiB if that is their size", async (size) => {
    await using bench = await StoreBench.make();
    await addAll(bench, { packSize: size * mebibyte, level: 3 });
    const lengths = await Promise.all((await bench.keys()).map(async (key) => (await bench.bytes(key)).length));
    // A frame is whole in one pack: it alone may be larger, by what a chunk has at most.
    expect(lengths.every((length) => length <= Math.max(size, 3.1) * mebibyte)).toBe(true);
    expect(lengths.filter((length) => length < (size * mebibyte) / 4).length).toBeLessThanOrEqual(1);
  });

  test("packs hold at most so many chunks, however small", async () => {
    await using bench = await StoreBench.make();
    const numbers = Buffer.from(Uint32Array.from({ length: 20_000 }, (_, index) => index).buffer);
    await Bun.write(`${bench.path}/numbers`, numbers);
    await bench.run(packs(), async (session) => {
      for (let at = 0; at < numbers.length; at += 4)
        await session.addFrom(`${bench.path}/numbers`, `number ${at}`, [[at, 4]]);
    });
    const counts = await Promise.all((await bench.keys()).map(async (key) => chunksOf(await bench.bytes(key)).length));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20_000);
    expect(counts.every((count) => count <= 16_384)).toBe(true);
  });

  test("packs hold a file of many small islands in few chunks, which go on behind its holes", async () => {
    await using bench = await StoreBench.make();
    const content = noise(8 * mebibyte, 7);
    await Bun.write(`${bench.path}/islands`, content);
    const islands = Array.from({ length: 8 * 256 }, (_, index) => [index * 4_096, 2_048] as const);
    await bench.run(packs(), (session) => session.addFrom(`${bench.path}/islands`, "islands", islands));
    const expected = Buffer.concat(islands.map(([offset, length]) => content.subarray(offset, offset + length)));
    expect((await contentOf(bench, "islands")).equals(expected)).toBe(true);
    const chunks = (await Promise.all((await bench.keys()).map((key) => bench.bytes(key)))).flatMap(chunksOf);
    expect(chunks.length).toBeLessThan(10);
  });

  test("packs end with the islands of a file that has few of them", async () => {
    await using bench = await StoreBench.make();
    const content = noise(mebibyte, 8);
    await Bun.write(`${bench.path}/islands`, content);
    const islands = [
      [0, 100],
      [4_096, 200],
    ] as const;
    await bench.run(packs(), (session) => session.addFrom(`${bench.path}/islands`, "islands", islands));
    const chunks = (await Promise.all((await bench.keys()).map((key) => bench.bytes(key)))).flatMap(chunksOf);
    expect(chunks.map(({ bytes }) => bytes.length)).toEqual([100, 200]);
  });

  test("packs hold a content once: within a file, across files and across runs", async () => {
    await using bench = await StoreBench.make();
    const same = noise(4 * mebibyte, 5);
    const first = await bench.run(packs(), async (session) => {
      await session.add("twice", Buffer.concat([Buffer.alloc(4 * mebibyte), Buffer.alloc(4 * mebibyte)]));
      await session.add("a", same);
      await session.add("b", same);
      await session.add("small", Buffer.from("small"));
      await session.add("small too", Buffer.from("small"));
    });
    expect(first.bytesStored).toBeLessThan(4.1 * mebibyte);
    const stored = await bench.keys();
    const again = await bench.run(packs(), async (session) => {
      await session.add("c", same);
      await session.add("small", Buffer.from("small"));
    });
    expect(again).toEqual({ bytesRead: 4 * mebibyte + 5, bytesStored: 0, objectsStored: 0 });
    expect(await bench.keys()).toEqual(stored);
    for (const name of ["a", "b", "c"]) expect((await contentOf(bench, name)).equals(same)).toBe(true);
    expect((await contentOf(bench, "twice")).equals(Buffer.alloc(8 * mebibyte))).toBe(true);
    expect((await contentOf(bench, "small too")).toString()).toBe("small");
  });

  test("packs of the same files are the same", async () => {
    const keys: string[][] = [];
    for (const _ of [1, 2]) {
      await using bench = await StoreBench.make();
      await addAll(bench);
      keys.push(await bench.keys());
    }
    expect(keys[0]?.length).toBeGreaterThan(3);
    expect(keys[1]).toEqual(keys[0] ?? []);
  });

  test("packs without compression are frames all the same", async () => {
    await using bench = await StoreBench.make();
    const text = Buffer.alloc(3 * mebibyte, "text ");
    const meter = await bench.run(packs({ packSize: 16 * mebibyte, level: undefined }), (session) =>
      session.add("text", text),
    );
    expect(meter.bytesStored).toBeGreaterThan(mebibyte);
    expect((await contentOf(bench, "text")).equals(text)).toBe(true);
  });

  test("a read error in the middle of a file leaves the next file right", async () => {
    await using bench = await StoreBench.make();
    const after = noise(2 * mebibyte, 3);
    await bench.run(packs(), async (session) => {
      await session.add("before", Buffer.from("before"));
      const { start, length } = unreadableMemory();
      await expect(session.addFrom("/proc/self/mem", "bad", [[start, length]])).rejects.toThrow("input/output error");
      await session.add("after", after);
    });
    expect(bench.rows().map(({ path }) => path)).toEqual(["after", "before"]);
    expect((await contentOf(bench, "after")).equals(after)).toBe(true);
    expect((await contentOf(bench, "before")).toString()).toBe("before");
  });

  test("a file that ends early is what was read of it", async () => {
    await using bench = await StoreBench.make();
    await Bun.write(`${bench.path}/short`, "short");
    await bench.run(packs(), async (session) => {
      await session.addFrom(`${bench.path}/short`, "short", [[0, mebibyte]]);
      await session.add("next", Buffer.from("next"));
    });
    expect((await contentOf(bench, "short")).toString()).toBe("short");
    expect((await contentOf(bench, "next")).toString()).toBe("next");
  });

  test("puts and signals get their turn while a large file is read into packs", async () => {
    await using bench = await StoreBench.make();
    await bench.run(packs(), (session) => session.add("zeros", Buffer.alloc(40 * mebibyte)));
    expect(bench.breaths).toBeGreaterThanOrEqual(4);
  });

  test("a put that fails is an error, and nothing is recorded of that pack", async () => {
    await using bench = await StoreBench.make();
    const { bucket, unused } = faulty(bench.bucket, [{ call: "put", kind: "full" }]);
    const stored = bench.run(packs(), (session) => session.add("file", noise(100)), bucket);
    expect(await stored.catch((error: unknown) => String(error))).toContain("a scripted fault");
    expect(unused).toEqual([]);
    expect([bench.count("objects"), bench.count("chunks"), bench.count("files")]).toEqual([0, 0, 0]);
  });

  test("a put that fails does not undo the packs before it, and ends the run soon", async () => {
    await using bench = await StoreBench.make();
    let puts = 0;
    const bucket = wrapBucket(bench.bucket, {
      put: (...args: Parameters<typeof bench.bucket.put>) =>
        ++puts === 3 ? Promise.reject(new Error("the third put fails")) : bench.bucket.put(...args),
    });
    let added = 0;
    const stored = bench.run(
      packs({ packSize: mebibyte, level: undefined }),
      async (session) => {
        for (; added < 60; added += 1) await session.add(`${added}`.padStart(2, "0"), noise(mebibyte, added));
      },
      bucket,
    );
    expect(await stored.catch((error: unknown) => String(error))).toContain("the third put fails");
    expect(added).toBeLessThan(30);
    const rows = bench.rows();
    expect(rows.length).toBeGreaterThan(0);
    for (const { path } of rows)
      expect((await contentOf(bench, path)).equals(noise(mebibyte, Number(path)))).toBe(true);
    expect(bench.count("objects")).toBe((await bench.keys()).length);
  });

  test("while a server does not answer, no more is read than two packs and the frames of one more hold", async () => {
    await using bench = await StoreBench.make();
    const answer = Promise.withResolvers<void>();
    const bucket = wrapBucket(bench.bucket, {
      put: async (...args: Parameters<typeof bench.bucket.put>) => {
        await answer.promise;
        return bench.bucket.put(...args);
      },
    });
    let added = 0;
    const stored = bench.run(
      packs({ packSize: 2 * mebibyte, level: 3 }),
      async (session) => {
        for (; added < 40; added += 1) await session.add(`${added}`.padStart(2, "0"), noise(mebibyte, added));
      },
      bucket,
    );
    for (let seen = -1; seen < added; await Bun.sleep(300)) seen = added;
    const addedMeanwhile = added;
    answer.resolve();
    await stored;
    expect(added).toBe(40);
    expect(addedMeanwhile).toBeLessThan(12);
  });
});

/** Memory of this process that reads for a while and then is an error: two pages that end where nothing is mapped. */
function unreadableMemory(): { readonly start: number; readonly length: number } {
  const maps = readFileSync("/proc/self/maps", "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const [, start = "", end = "", rights = ""] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
      return { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16), rights };
    });
  const page = 4096;
  const found = maps.find(({ start, end, rights }, index) => {
    const next = maps[index + 1]?.start ?? Number.POSITIVE_INFINITY;
    return rights.startsWith("r") && end - start >= 2 * page && next - end > 100 * page;
  });
  if (found === undefined) throw new Error("all memory is mapped");
  return { start: found.end - 2 * page, length: 10 * page };
}
