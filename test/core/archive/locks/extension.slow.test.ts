/** Locks that are not extended as the server says, or as the next backup needs: a lie, another mode, a refusal. */
import { describe, expect, test } from "bun:test";
import { rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Bucket, BucketErrorKind, Retention } from "../../../../core/bucket/contract.ts";
import { readBack } from "../../../../core/bucket/decorators/read-back.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { faulty } from "../../bucket/faults.ts";
import { noise } from "../noise.ts";
import { day, Rig, type RunOptions } from "../rig.ts";
import { extending, keepsPromise, promisedDays, refused, rigWithFile, watched } from "./promises.ts";

/** A server that says of these keys that it changed their lock, and does not. */
function lyingAbout(isOne: (key: string, retention: Retention) => boolean): (bucket: Bucket) => Bucket {
  return (bucket) =>
    wrapBucket(bucket, {
      extend: async (key, version, retention) =>
        isOne(key, retention) ? undefined : bucket.extend(key, version, retention),
    });
}

/** A backup of many packs, all of which are to be extended. */
async function rigWithPacks(count: number): Promise<Rig> {
  const rig = await Rig.make();
  for (let number = 0; number < count; number += 1) {
    await rig.write(`file${number}`, noise(50_000, number));
    await rig.run({ content: { repackBelow: 0 } });
  }
  rig.ahead += 8 * day;
  return rig;
}

describe("a server that answers that it extended a lock, and did not,", () => {
  test("a server that lies about extensions is found out by the first lock that is read back, and all is stored again in the same run", async () => {
    await using rig = await rigWithPacks(3);
    const run = await rig.run({ content: { repackBelow: 0 }, around: lyingAbout(() => true) });
    expect(run.heard.filter((heard) => heard.includes("not-extended"))).not.toEqual([]);
    expect(run.heard.join()).toContain("the server answered that it did, and the object is locked until");
    expect(run.summary).toMatchObject({ extended: 0, objectsStored: 1 });
    expect(await keepsPromise(run)).toBe(true);
    expect(promisedDays(run)).toBe(30);
  });

  test("a server that lies about extensions is found out though it extended the first, and those before are read back as well", async () => {
    await using rig = await rigWithPacks(12);
    const packs = await rig.keys("packs/");
    const honest = new Set(packs.slice(0, 2));
    const run = await rig.run({
      content: { repackBelow: 0 },
      around: lyingAbout((key) => key.startsWith("packs/") && !honest.has(key)),
    });
    expect(run.summary.objectsStored).toBe(1);
    expect(await keepsPromise(run)).toBe(true);
    expect(promisedDays(run)).toBe(30);
    expect((await rig.run({ content: { repackBelow: 0 } })).summary).toMatchObject({ objectsStored: 0, warnings: 0 });
  });

  test("reading extensions back costs one request for the first lock that is extended, and for each whose number is a power of two", async () => {
    await using rig = await rigWithPacks(12);
    const run = await rig.run({ content: { repackBelow: 0 } });
    expect(run.counts.extend).toBeGreaterThanOrEqual(12);
    expect(run.counts.head).toBe(Math.floor(Math.log2(run.counts.extend)) + 1);
  });
});

const strict = { content: { lockMode: "COMPLIANCE" } } as const;

/** As services that let nobody change a lock's mode, each with another refusal; the lock then says what it is. */
function keepingModes(kind: BucketErrorKind): RunOptions {
  const around = (bucket: Bucket) =>
    readBack(
      wrapBucket(bucket, {
        extend: async (key, version, retention) => {
          const lock = await bucket.retention(key, version);
          return lock?.mode === retention.mode ? bucket.extend(key, version, retention) : refused(kind);
        },
      }),
    );
  return { ...strict, around };
}

describe("after a change of lock_mode to COMPLIANCE,", () => {
  test("all that the next backup needs is locked in that mode, without being stored again, once", async () => {
    await using rig = await rigWithFile();
    const before = await rig.run();
    expect(await before.backup.lockModes()).toEqual(new Set(["GOVERNANCE"]));
    const changed = await watched(rig, strict);
    expect(changed).toMatchObject({ heard: [], extendedPacks: 1, summary: { objectsStored: 0 } });
    expect(await changed.backup.lockModes()).toEqual(new Set(["COMPLIANCE"]));
    expect(changed.backup.manifest.header.lock_mode).toBe("COMPLIANCE");
    expect(await keepsPromise(changed)).toBe(true);
    expect(await watched(rig, strict)).toMatchObject({ heard: [], extendedPacks: 0, summary: { objectsStored: 0 } });
  });

  test("what a server says to have locked in that mode, and has not, is stored again in the same run", async () => {
    await using rig = await rigWithFile();
    await rig.run();
    const around = lyingAbout((_, { mode }) => mode === "COMPLIANCE");
    const changed = await rig.run({ ...strict, around });
    expect(changed.summary.objectsStored).toBe(1);
    expect(await changed.backup.lockModes()).toEqual(new Set(["COMPLIANCE"]));
    expect(await keepsPromise(changed)).toBe(true);
  });

  test.each(["denied", "other", "no-lock"] as const)(
    "what a server refuses to lock in that mode (%s) is stored again in the same run, however long it was locked",
    async (kind) => {
      await using rig = await rigWithFile();
      await rig.run();
      const changed = await rig.run(keepingModes(kind));
      expect(changed.heard.filter((line) => line.includes('"packs/'))).toEqual([
        expect.stringMatching(
          /^warning not-extended: .* it stays locked until .* \(GOVERNANCE\)\); its content is to be stored again$/,
        ),
      ]);
      expect(changed.summary.objectsStored).toBe(1);
      expect(await changed.backup.lockModes()).toEqual(new Set(["COMPLIANCE"]));
      expect(promisedDays(changed)).toBe(30);
      expect(await keepsPromise(changed)).toBe(true);
      expect((await changed.backup.read(rig.file("file"))).equals(noise(100_000))).toBe(true);
      expect(await rig.run(keepingModes(kind))).toMatchObject({ heard: [], summary: { objectsStored: 0 } });
    },
  );

  test("what was stored in GOVERNANCE mode in between is locked in COMPLIANCE mode again", async () => {
    await using rig = await rigWithFile();
    await rig.run(strict);
    await rig.write("other", noise(5000, 9));
    await rig.run();
    const again = await rig.run(strict);
    expect(await again.backup.lockModes()).toEqual(new Set(["COMPLIANCE"]));
  });

  test("what another host has stored in GOVERNANCE mode is not built upon", async () => {
    await using rig = await rigWithFile();
    await rig.run({ name: "a" });
    const other = await rig.run({ name: "b", content: { ...strict.content, shareWith: ["a"] } });
    expect(await other.backup.lockModes()).toEqual(new Set(["COMPLIANCE"]));
    expect(other.summary.objectsStored).toBe(1);
  });

  test("a run that is killed before it has locked all is made up for by the next one", async () => {
    await using rig = await rigWithFile();
    await rig.run();
    const script = faulty(rig.bucket, [{ call: "extend" }]);
    await rig.run({ ...strict, around: () => script.bucket }).catch(String);
    const next = await rig.run(strict);
    expect(await next.backup.lockModes()).toEqual(new Set(["COMPLIANCE"]));
  });
});

describe("a lock that cannot be extended", () => {
  const loss: [string, (rig: Rig) => Promise<RunOptions>][] = [
    [
      "since the object is gone",
      async (rig) => {
        await rm(join(rig.path, "bucket", "packs"), { recursive: true });
        return {};
      },
    ],
    [
      "since that is denied",
      async () => extending((key) => (key.startsWith("packs/") ? refused("denied") : undefined)),
    ],
  ];
  test.each(loss)(
    "a lock that cannot be extended: %s: the content is stored again in the same run",
    async (_, lose) => {
      await using rig = await rigWithFile();
      await rig.run();
      rig.ahead += 8 * day;
      const run = await rig.run(await lose(rig));
      expect(run.heard).toEqual([
        expect.stringMatching(
          /^warning not-extended: the lock of "packs\/.*" could not be extended \(.*\); its content is to be stored again$/,
        ),
      ]);
      expect(run.summary).toMatchObject({ objectsStored: 1, files: 1, unchanged: 1, changed: 0, new: 0 });
      expect(promisedDays(run)).toBe(30);
      expect((await run.backup.read(rig.file("file"))).equals(noise(100_000))).toBe(true);
      expect((await rig.run()).summary).toMatchObject({ objectsStored: 0, unchanged: 1 });
    },
  );

  test("locks that cannot be extended are reported up to ten, and the others by number", async () => {
    await using rig = await Rig.make();
    for (let number = 0; number < 15; number += 1) {
      await rig.write(`file${number}`, noise(1000, number));
      await rig.run({ content: { repackBelow: 0 } });
    }
    rig.ahead += 8 * day;
    const packs = extending((key) => (key.startsWith("packs/") ? refused("denied") : undefined));
    const run = await rig.run({ ...packs, content: { repackBelow: 0 } });
    expect(run.heard).toHaveLength(11);
    expect(run.heard.at(-1)).toBe(
      "warning not-extended: 5 more locks could not be extended; their content is to be stored again",
    );
    expect(await keepsPromise(run)).toBe(true);
  });

  test("if no lock can be extended, all is stored again, and the promise holds", async () => {
    await using rig = await rigWithFile();
    await rig.write("zother", noise(1000, 3));
    await rig.run();
    rig.ahead += 8 * day;
    const run = await rig.run(extending(() => refused("denied")));
    expect(run.counts.extend).toBe(0);
    expect(promisedDays(run)).toBe(30);
    expect(await keepsPromise(run)).toBe(true);
    expect(await keepsPromise(await rig.run())).toBe(true);
  });

  test("a lock that cannot be extended in two tries lowers the promise to what is true, and the next run makes up for it", async () => {
    await using rig = await rigWithFile();
    await rig.run();
    await rig.write("other", noise(5000, 9));
    await rig.run();
    await unlink(rig.file("other"));
    rig.ahead += 8 * day;
    // Between the tries the file takes the content that lies in a pack which nothing used till then.
    const run = await rig.run(
      extending(async () => {
        await rig.write("file", noise(5000, 9));
        return refused("denied");
      }),
    );
    expect(run.heard.at(-1)).toMatch(/^error promise-lowered: 1 objects could not be locked as long as promised/);
    expect(promisedDays(run)).toBeWithin(28.9, 29.1);
    expect(await keepsPromise(run)).toBe(true);
    const next = await rig.run();
    expect(next.heard).toEqual([]);
    expect(promisedDays(next)).toBe(30);
    expect(await keepsPromise(next)).toBe(true);
    expect((await next.backup.read(rig.file("file"))).equals(noise(5000, 9))).toBe(true);
  });

  test("a lock that cannot be extended since the bucket does not answer ends the run; the next one completes", async () => {
    await using rig = await rigWithFile();
    await rig.run();
    rig.ahead += 8 * day;
    const roots = async () => (await rig.keys("manifests/host/")).filter((key) => !key.includes("/parts/")).length;
    const script = faulty(rig.bucket, [{ call: "extend" }]);
    const failed = await rig.run({ around: () => script.bucket }).catch((error: unknown) => String(error));
    expect(failed).toContain("a scripted fault");
    expect(script.unused).toEqual([]);
    expect(await roots()).toBe(1);
    const run = await rig.run();
    expect(await keepsPromise(run)).toBe(true);
    expect(await roots()).toBe(2);
  });
});
