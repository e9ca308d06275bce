import { describe, expect, test } from "bun:test";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { LayoutDeps } from "../../../../../core/archive/quilting/layouts/layout.ts";
import { ContentChanged, ObjectLayout } from "../../../../../core/archive/quilting/layouts/objects.ts";
import type { Bucket } from "../../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../../core/bucket/wrap.ts";
import type { Compression } from "../../../../../core/format/codecs/codec.ts";
import { faulty } from "../../../bucket/faults.ts";
import { sha256 } from "../../backup.ts";
import { noise } from "../../noise.ts";
import { StoreBench } from "./bench.ts";

const mebibyte = 1024 * 1024;
const zstd: Compression = { codec: "zstd", level: 3 };
const objects =
  (compression = zstd) =>
  (deps: LayoutDeps) =>
    new ObjectLayout(deps, compression);

/** The content under a key, undone as its metadata says; fails where its name is not its digest. */
async function contentAt({ bucket }: StoreBench, key: string): Promise<{ bytes: Buffer; encoding: string }> {
  const stored = Buffer.concat(await Array.fromAsync(bucket.get(key)));
  const encoding = (await bucket.head(key))?.metadata["storage-encoding"] ?? "none";
  const bytes = encoding === "zstd" ? zstdDecompressSync(stored) : encoding === "gzip" ? gunzipSync(stored) : stored;
  expect(key).toBe(`content/${sha256(bytes)}`);
  return { bytes, encoding };
}

async function encodings(bench: StoreBench): Promise<string[]> {
  const found = await Promise.all((await bench.keys()).map((key) => contentAt(bench, key)));
  return found.map(({ bytes, encoding }) => `${bytes.length} ${encoding}`).toSorted();
}

/** The extents of a row, with their objects' keys. */
function extentsOf(bench: StoreBench, name: string) {
  return bench.extents(name).map(([object, , , offset, length, digest]) => {
    return { key: bench.keyOf(object), offset, length, digest };
  });
}

const text = (length: number) => Buffer.alloc(length, "text that repeats itself, ");

describe("content objects", () => {
  const layouts: [Compression, string[]][] = [
    [zstd, ["1 none", "1000 zstd", "2000 none", "3000000 zstd", "4000000 none"]],
    [{ codec: "gzip", level: 6 }, ["1 none", "1000 gzip", "2000 none", "3000000 gzip", "4000000 none"]],
    [{ codec: "none", level: 0 }, ["1 none", "1000 none", "2000 none", "3000000 none", "4000000 none"]],
  ];
  test.each(layouts)(
    "content objects are named by their digest, and compressed if that pays: %p",
    async (compression, expected) => {
      await using bench = await StoreBench.make();
      await bench.run(objects(compression), async (session) => {
        await session.add("empty", Buffer.alloc(0));
        await session.add("tiny", Buffer.from("x"));
        await session.add("text", text(1000));
        await session.add("noise", noise(2000));
        await session.add("large text", text(3_000_000));
        await session.add("large noise", noise(4_000_000));
      });
      expect(await encodings(bench)).toEqual(expected);
      expect(bench.rows().map(({ path }) => path)).toEqual([
        "empty",
        "large noise",
        "large text",
        "noise",
        "text",
        "tiny",
      ]);
      expect(extentsOf(bench, "empty")).toEqual([]);
      const digest = sha256(noise(4_000_000));
      expect(extentsOf(bench, "large noise")).toEqual([
        { key: `content/${digest}`, offset: 0, length: 4_000_000, digest },
      ]);
    },
  );

  test("content objects are stored once for the same content, small or large, in this run and the next", async () => {
    await using bench = await StoreBench.make();
    const addAll = () =>
      bench.run(objects(), async (session) => {
        for (const name of ["a", "b"]) await session.add(name, text(500));
        for (const name of ["c", "d"]) await session.add(name, text(5_000_000));
      });
    expect((await addAll()).objectsStored).toBe(2);
    expect(await addAll()).toEqual({ bytesRead: 10_001_000, bytesStored: 0, objectsStored: 0 });
    expect(bench.count("objects")).toBe(2);
  });

  test.each([
    ["small", 300_000],
    ["large", 6_000_000],
  ])("content objects of %s sparse files hold the data alone, one region behind the other", async (_, size) => {
    await using bench = await StoreBench.make();
    const path = join(bench.path, "sparse");
    const file = await open(path, "w");
    await file.write(noise(4096, 1), 0, 4096, 65_536);
    await file.write(noise(4096, 2), 0, 4096, 131_072);
    await file.truncate(size);
    await file.close();
    await bench.run(objects(), (session) => session.addFrom(path, "sparse"));
    const data = Buffer.concat([noise(4096, 1), noise(4096, 2)]);
    const key = `content/${sha256(data)}`;
    expect(await bench.keys()).toEqual([key]);
    expect((await contentAt(bench, key)).bytes.equals(data)).toBe(true);
    expect(extentsOf(bench, "sparse")).toEqual([
      { key, offset: 0, length: 4096, digest: sha256(noise(4096, 1)) },
      { key, offset: 4096, length: 4096, digest: sha256(noise(4096, 2)) },
    ]);
  });

  test("content objects of a file with more regions than are kept hold the data alone, though the regions are found again each time", async () => {
    await using bench = await StoreBench.make();
    const path = join(bench.path, "islands");
    const islands = [0, 1, 2].map((number) => noise(4096, number));
    await Bun.write(path, Buffer.concat(islands.flatMap((island) => [island, Buffer.alloc(4096)])));
    function* each() {
      for (const number of [0, 1, 2]) yield [number * 8192, 4096] as const;
    }
    await bench.run(objects(), (session) => session.addFrom(path, "islands", { few: undefined, each }));
    const data = Buffer.concat(islands);
    const key = `content/${sha256(data)}`;
    expect((await contentAt(bench, key)).bytes.equals(data)).toBe(true);
    expect(extentsOf(bench, "islands")).toEqual(
      islands.map((island, number) => ({ key, offset: number * 4096, length: 4096, digest: sha256(island) })),
    );
  });

  test("content objects of a file that is all hole are none", async () => {
    await using bench = await StoreBench.make();
    const path = join(bench.path, "hole");
    const file = await open(path, "w");
    await file.truncate(50_000_000);
    await file.close();
    const meter = await bench.run(objects(), (session) => session.addFrom(path, "hole"));
    expect(meter).toEqual({ bytesRead: 0, bytesStored: 0, objectsStored: 0 });
    expect(extentsOf(bench, "hole")).toEqual([]);
  });

  test("content objects of a file of 4 TiB take no more than its data, in time and in the bucket", async () => {
    await using bench = await StoreBench.make();
    const path = join(bench.path, "huge");
    const file = await open(path, "w");
    await file.write(Buffer.from("end"), 0, 3, 4 * 1024 ** 4);
    await file.close();
    const meter = await bench.run(objects(), (session) => session.addFrom(path, "huge"));
    expect(meter.bytesRead).toBeLessThan(100_000);
  });

  test("content objects of a small file that shrank to nothing are none", async () => {
    await using bench = await StoreBench.make();
    await Bun.write(join(bench.path, "gone"), "");
    const meter = await bench.run(objects(), (session) =>
      session.addFrom(join(bench.path, "gone"), "gone", [[0, 100]]),
    );
    expect(meter.objectsStored).toBe(0);
    expect(await bench.keys()).toEqual([]);
    expect(extentsOf(bench, "gone")).toEqual([]);
  });

  /** Something happens to the file as soon as its second reading has begun: when the upload starts. */
  async function changedBetweenReadings(compression: Compression, change: (fd: number) => void) {
    const bench = await StoreBench.make();
    const path = join(bench.path, "large");
    await Bun.write(path, noise(20_000_000));
    let changed = 0;
    const bucket: Bucket = wrapBucket(bench.bucket, {
      put: (...args) => bench.bucket.put(...args),
      startUpload: (...args) => {
        const fd = openSync(path, "r+");
        change(fd);
        closeSync(fd);
        changed += 1;
        return bench.bucket.startUpload(...args);
      },
    });
    const failed = await bench
      .run(objects(compression), (session) => session.addFrom(path, "large"), bucket)
      .catch((error: unknown) => error);
    expect(changed).toBe(1);
    return { bench, failed };
  }

  const changes: [string, (fd: number) => void][] = [
    ["changed", (fd) => writeSync(fd, "changed", 19_000_000)],
    ["cut short", (fd) => ftruncateSync(fd, 19_000_000)],
  ];
  for (const compression of [zstd, { codec: "gzip", level: 1 }, { codec: "none", level: 0 }] as const) {
    test.each(changes)(
      `content objects of a large file that is %s between its readings are not stored (${compression.codec})`,
      async (_, change) => {
        const { bench, failed } = await changedBetweenReadings(compression, change);
        await using _bench = bench;
        expect(failed).toBeInstanceOf(ContentChanged);
        expect(await bench.keys()).toEqual([]);
        expect([bench.count("objects"), bench.count("chunks"), bench.count("files")]).toEqual([0, 0, 0]);
      },
    );
  }

  test("puts and signals get their turn while a large file is read into an object", async () => {
    await using bench = await StoreBench.make();
    await bench.run(objects(), (session) => session.add("zeros", Buffer.alloc(40 * mebibyte)));
    expect(bench.breaths).toBeGreaterThanOrEqual(4);
  });

  test("a put that fails is an error, and nothing is recorded of it", async () => {
    for (const size of [100, 2 * mebibyte, 20 * mebibyte]) {
      await using bench = await StoreBench.make();
      const call = size > 10 * mebibyte ? "part" : "put";
      const { bucket, unused } = faulty(bench.bucket, [{ call, kind: "full" }]);
      const stored = bench.run(objects(), (session) => session.add("file", noise(size)), bucket);
      expect(await stored.catch((error: unknown) => String(error))).toContain("a scripted fault");
      expect(unused).toEqual([]);
      expect([bench.count("objects"), bench.count("chunks"), bench.count("files")]).toEqual([0, 0, 0]);
    }
  });
});
