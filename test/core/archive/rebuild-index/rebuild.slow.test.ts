import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { BucketError } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import type { Config } from "../../../../core/config/config.ts";
import { noise } from "../noise.ts";
import { day, Rig, type RigRun } from "../rig.ts";
import { factsOf, loseIndex, loseState, rebuild } from "./support.ts";

type Content = Partial<Config["content"]>;

const mebibyte = 1024 * 1024;
/** Several packs of several frames from a few megabytes; none is repacked. */
const smallPacks: Content = { packSize: mebibyte, repackBelow: 0 };
const layouts: [name: string, content: Content][] = [
  ["packs", smallPacks],
  ["packs without compression", { ...smallPacks, compression: "none" }],
  ["objects, zstd", { layout: "objects" }],
  ["objects, gzip", { layout: "objects", compression: "gzip", compressionLevel: 6 }],
  ["objects, none", { layout: "objects", compression: "none" }],
];

/** Small files, a large one of several chunks, one that compresses, one that is empty. */
async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  for (let number = 0; number < 30; number += 1) await rig.write(`small/${number}`, noise(5_000 + number, number));
  await rig.write("large", noise(3 * mebibyte, 99));
  await rig.write("text", "the same line again and again\n".repeat(20_000));
  await rig.write("empty", "");
  return rig;
}

async function contentKeys(rig: Rig): Promise<string[]> {
  return [...(await rig.keys("packs/")), ...(await rig.keys("content/"))];
}

/** Archives without a state, and compares every file with the one that `before` has. */
async function storesNothingAgain(rig: Rig, content: Content, before: RigRun): Promise<void> {
  await loseState(rig);
  const stored = await contentKeys(rig);
  const { summary, backup, heard } = await rig.run({ content });
  expect({ heard, stored: summary.bytesStored }).toEqual({ heard: [], stored: 0 });
  expect(await contentKeys(rig)).toEqual(stored);
  expect(rig.names(backup)).toEqual(rig.names(before.backup));
  for (const [path, entry] of before.backup.entries) {
    if (entry.type !== "file" || !path.startsWith(rig.file())) continue;
    expect((await backup.read(path)).equals(await before.backup.read(path))).toBe(true);
  }
}

describe.each(layouts)("the index of the layout %s", (_, content) => {
  test("the index is rebuilt as it was, and the next archive stores nothing again", async () => {
    await using rig = await rigWithFiles();
    const before = await rig.run({ content });
    const lost = await factsOf(rig);
    expect(lost.objects.length).toBeGreaterThan(2);
    await loseIndex(rig);
    const { figures, heard } = await rebuild(rig);
    expect(heard).toEqual([]);
    expect(await factsOf(rig)).toEqual(lost);
    expect(figures).toMatchObject({ objects: lost.objects.length, chunks: lost.chunks.length, damaged: 0, unread: 0 });
    await storesNothingAgain(rig, content, before);
  });
});

test("whatever was archived, the rebuilt index says the same as the lost one", async () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 2 * mebibyte }));
  const files = fc.dictionary(fc.stringMatching(/^[a-f]{1,2}$/), fc.tuple(size, fc.integer({ min: 0, max: 9 })), {
    minKeys: 1,
    maxKeys: 8,
  });
  const layout = fc.constantFrom(...layouts.map(([, content]) => content));
  await fc.assert(
    fc.asyncProperty(fc.array(files, { minLength: 1, maxLength: 3 }), layout, async (runs, content) => {
      await using rig = await Rig.make();
      for (const run of runs) {
        for (const [name, [length, seed]] of Object.entries(run)) await rig.write(name, noise(length, seed));
        await rig.run({ content });
        rig.ahead += 9 * day;
      }
      const lost = await factsOf(rig);
      await loseIndex(rig);
      await rebuild(rig);
      expect(await factsOf(rig)).toEqual(lost);
    }),
    { numRuns: 12 },
  );
}, 120_000);

describe("a rebuild", () => {
  async function archivedOnce(content = smallPacks): Promise<Rig> {
    const rig = await rigWithFiles();
    await rig.run({ content });
    return rig;
  }

  test("a rebuild of an index that is there reads no pack, and puts nothing", async () => {
    await using rig = await archivedOnce();
    const { figures, counts } = await rebuild(rig);
    expect(figures).toMatchObject({
      objects: 0,
      indexObjects: 0,
      known: (await contentKeys(rig)).length,
      bytesRead: 0,
    });
    expect(counts).toMatchObject({ put: 0, head: 0, get: (await rig.keys("index/")).length });
  });

  test("a rebuild of an index of which a part is left reads only the rest", async () => {
    await using rig = await archivedOnce();
    const packs = await rig.keys("packs/");
    await rig.write("later", noise(100_000, 7));
    rig.ahead += 60_000;
    await rig.run({ content: smallPacks });
    const lost = await factsOf(rig);
    const [first = ""] = await rig.keys("index/");
    await rm(join(rig.path, "bucket", first));
    const { figures } = await rebuild(rig);
    expect(figures).toMatchObject({ objects: packs.length, known: 1 });
    expect(await factsOf(rig)).toEqual(lost);
  });

  test("a machine that has its state goes on with it after a rebuild of index/, and says once that it did not put the new index", async () => {
    await using rig = await archivedOnce();
    await loseIndex(rig);
    await rebuild(rig);
    const { summary, heard } = await rig.run({ content: smallPacks });
    expect(heard).toEqual([expect.stringContaining("has rebuild-index put them?")]);
    expect(summary.bytesStored).toBe(0);
    const later = await rig.run({ content: smallPacks });
    expect(later.heard).toEqual([]);
    expect(later.summary.bytesStored).toBe(0);
  });

  test("a rebuild that is interrupted keeps what it has put, and goes on from there", async () => {
    await using rig = await archivedOnce();
    const lost = await factsOf(rig);
    await loseIndex(rig);
    const controller = new AbortController();
    let gets = 0;
    const around = (bucket: typeof rig.bucket) =>
      wrapBucket(bucket, {
        get: (...args) => {
          gets += 1;
          if (gets === 5) controller.abort(new Error("stopped"));
          return bucket.get(...args);
        },
      });
    const stopped = await rebuild(rig, { around, signal: controller.signal }).catch((error: unknown) => String(error));
    expect(stopped).toBe("Error: stopped");
    const kept = await factsOf(rig);
    expect(kept.objects.length).toBeGreaterThan(0);
    const { figures } = await rebuild(rig);
    expect(figures).toMatchObject({ known: kept.objects.length, objects: lost.objects.length - kept.objects.length });
    expect(await factsOf(rig)).toEqual(lost);
  });

  test("a rebuild puts index objects after the last one of the name, whatever the clock says", async () => {
    await using rig = await archivedOnce();
    await rig.write("later", noise(100_000, 7));
    rig.ahead += 60_000;
    await rig.run({ content: smallPacks });
    const [first = "", second = ""] = await rig.keys("index/");
    await rm(join(rig.path, "bucket", first));
    rig.ahead -= 3_600_000;
    await rebuild(rig);
    const after = await rig.keys("index/");
    expect(after[0]).toBe(second);
    expect(after.length).toBeGreaterThan(1);
  });

  test("a rebuild takes the locks that objects have, also those that were extended", async () => {
    await using rig = await archivedOnce();
    const before = await factsOf(rig);
    rig.ahead += 20 * day;
    await rig.run({ content: smallPacks });
    const lost = await factsOf(rig);
    expect(lost.chunks).toEqual(before.chunks);
    for (const object of lost.objects) expect(before.objects).not.toContain(object);
    await loseIndex(rig);
    await rebuild(rig);
    expect(await factsOf(rig)).toEqual(lost);
  });

  test("a rebuild records a later lock of an object whose extension was lost, without reading it", async () => {
    await using rig = await archivedOnce();
    const [introducing = ""] = await rig.keys("index/");
    rig.ahead += 36 * day;
    for (const key of await contentKeys(rig)) {
      const { version } = (await rig.bucket.head(key)) ?? { version: "" };
      const until = new Date(rig.now().getTime() + 30 * day);
      await rig.bucket.extend(key, version, { mode: "GOVERNANCE", until });
    }
    const { figures, counts } = await rebuild(rig);
    const packs = (await contentKeys(rig)).length;
    expect(figures).toMatchObject({ objects: 0, extended: packs, bytesRead: 0 });
    expect(counts).toMatchObject({ put: 1, get: 1, head: packs });
    expect(await rig.keys("index/")).toHaveLength(2);
    expect((await rig.keys("index/"))[0]).toBe(introducing);
    await loseState(rig);
    expect((await rig.run({ content: smallPacks })).summary.bytesStored).toBe(0);
  });

  test("a rebuild reads nothing of objects whose lock ends too soon to rely on", async () => {
    await using rig = await archivedOnce();
    await loseIndex(rig);
    rig.ahead += 36 * day;
    const { figures, counts } = await rebuild(rig);
    expect(figures).toMatchObject({ objects: 0, expiring: (await contentKeys(rig)).length, bytesRead: 0 });
    expect(counts).toMatchObject({ put: 0, get: 0 });
  });

  test("a rebuild that is dry looks into no object, and puts nothing", async () => {
    await using rig = await archivedOnce();
    await loseIndex(rig);
    const packs = await contentKeys(rig);
    const { figures, counts } = await rebuild(rig, { target: undefined });
    const sizes = await Promise.all(packs.map(async (key) => (await rig.bucket.head(key))?.size ?? 0));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(figures).toMatchObject({ objects: packs.length, bytes, chunks: 0, bytesRead: 0, indexObjects: 0 });
    expect(counts).toMatchObject({ put: 0, get: 0, head: 0 });
  });

  test("a rebuild that trusts tables asks for each lock and the end of each pack, and no more", async () => {
    await using rig = await archivedOnce();
    const lost = await factsOf(rig);
    await loseIndex(rig);
    const packs = (await contentKeys(rig)).length;
    const { counts, figures } = await rebuild(rig, { trustTables: true });
    expect(counts).toMatchObject({ head: packs, get: packs });
    expect(figures.bytesRead).toBeLessThanOrEqual(64 * 1024 * packs);
    expect(await factsOf(rig)).toEqual(lost);
  });

  test("a rebuild asks once more for a table of contents that is longer than most", async () => {
    await using rig = await Rig.make();
    for (let number = 0; number < 2_500; number += 1) await rig.write(`${number}`, `content of file ${number}`);
    await rig.run();
    const lost = await factsOf(rig);
    expect(lost.chunks).toHaveLength(2_500);
    await loseIndex(rig);
    const { counts } = await rebuild(rig, { trustTables: true });
    expect(counts).toMatchObject({ head: 1, get: 2 });
    expect(await factsOf(rig)).toEqual(lost);
  });

  test("a rebuild indexes packs of every host, and leaves the index objects of other names alone", async () => {
    await using rig = await archivedOnce();
    const before = await rig.keys("index/host/");
    const { figures } = await rebuild(rig, { name: "other" });
    expect(figures).toMatchObject({ objects: (await contentKeys(rig)).length, known: 0 });
    expect(await rig.keys("index/host/")).toEqual(before);
    expect(await rig.keys("index/")).toEqual([...before, ...(await rig.keys("index/other/"))]);
  });

  const denied = (doing: string) => new BucketError("denied", { doing, why: "access denied" });

  test("a rebuild that may not store finds out after the first object, and says who may", async () => {
    await using rig = await archivedOnce();
    await loseIndex(rig);
    const refused = () => Promise.reject(denied("store"));
    const target = { put: refused, startUpload: refused };
    const counted: string[] = [];
    const around = (bucket: typeof rig.bucket) =>
      wrapBucket(bucket, {
        get: (key, options) => {
          counted.push(key);
          return bucket.get(key, options);
        },
      });
    const failed = await rebuild(rig, { target, around }).catch((error: unknown) => String(error));
    expect(failed).toContain("access denied; run it where conf has the credentials of archive");
    expect(new Set(counted).size).toBeLessThanOrEqual(3);
  });

  test("a rebuild whose index objects cannot be stored ends, and blames no pack", async () => {
    await using rig = await archivedOnce();
    await loseIndex(rig);
    const full = new BucketError("full", { doing: "store", why: "no space is left" });
    const target = wrapBucket(rig.bucket, { put: () => Promise.reject(full) });
    expect(await rebuild(rig, { target }).catch((error: unknown) => error)).toBe(full);
  });

  test.each(["get", "retention", "listVersions"] as const)("a rebuild that may not %s ends at once", async (call) => {
    await using rig = await archivedOnce();
    await loseIndex(rig);
    const refused = {
      // biome-ignore lint/correctness/useYield: it is refused at once
      get: async function* () {
        throw denied("read");
      },
      retention: () => Promise.reject(denied("look up the lock of")),
      // biome-ignore lint/correctness/useYield: it is refused at once
      listVersions: async function* () {
        throw denied("list the versions of");
      },
    };
    const around = (bucket: typeof rig.bucket) => wrapBucket(bucket, { [call]: refused[call] });
    const failed = await rebuild(rig, { around }).catch((error: unknown) => String(error));
    expect(failed).toContain("access denied");
    expect(await rig.keys("index/")).toEqual([]);
  });
});
