import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { findRoots, staleNames } from "../../../core/steward/kept.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig } from "../archive/rig.ts";
import { isWhole, pruneRig, renewRig } from "./support.ts";

const content = noise(50_000);

async function backedUp(options: Parameters<Rig["run"]>[0] = {}) {
  const rig = await Rig.make();
  await rig.write("file", content);
  const run = await rig.run(options);
  return { rig, run, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

/** Days from now until the first of all locks ends, index objects aside: no restore needs those. */
async function daysLocked(rig: Rig): Promise<number> {
  const listed = (await Array.fromAsync(rig.bucket.listVersions(""))).flat();
  const infos = await Promise.all(
    listed.filter(({ key }) => !key.startsWith("index/")).map(({ key, version }) => rig.bucket.head(key, version)),
  );
  return Math.min(...infos.map((info) => ((info?.retention?.until.getTime() ?? 0) - rig.now().getTime()) / day));
}

describe("renew", () => {
  test("renew locks all of a dead host's last backup from now on as long as it promised, with a week's slack", async () => {
    await using set = await backedUp();
    const { rig, run } = set;
    rig.ahead += 20 * day;
    const renewed = await renewRig(rig, { last: 1 });
    const objects = 2 + run.backup.manifest.parts.length; // root and pack
    expect(renewed).toMatchObject({ backups: 1, objects, extended: objects, damaged: 0, refused: 0, heard: [] });
    expect(await daysLocked(rig)).toBe(37);
  });

  test("a renewal each week keeps a backup for ever, at one extension a week and object", async () => {
    await using set = await backedUp();
    const { rig, run } = set;
    let extended = 0;
    for (let today = 0; today < 100; today += 1) {
      rig.ahead += day;
      const renewed = await renewRig(rig, { last: 1 });
      extended += renewed.extended;
      expect(renewed.damaged + renewed.refused).toBe(0);
      expect(await daysLocked(rig)).toBeGreaterThan(29.9);
    }
    expect(extended / (2 + run.backup.manifest.parts.length)).toBeWithin(10, 16);
    expect((await pruneRig(rig, { last: 1 })).of("removed")).toEqual({});
    expect(await isWhole(rig, run, { file: content })).toBe(true);
  });

  test("renew locks for as many days as it is given", async () => {
    await using set = await backedUp();
    await renewRig(set.rig, { last: 1 }, { days: 365 });
    expect(await daysLocked(set.rig)).toBe(372);
  });

  test("renew locks what has expired again, in the mode that it had", async () => {
    await using set = await backedUp({ content: { lockMode: "COMPLIANCE" } });
    const { rig, run } = set;
    rig.ahead += 50 * day;
    expect((await renewRig(rig, { last: 1 })).refused).toBe(0);
    const { key, version } = run.summary;
    const info = await rig.bucket.head(key, version);
    expect(info?.retention?.mode).toBe("COMPLIANCE");
    expect(await daysLocked(rig)).toBeGreaterThan(30);
  });

  test("renew keeps the mode of locks that are weaker than a manifest promises, and reports them", async () => {
    await using set = await backedUp();
    const { rig } = set;
    // As a server that echoes what it was asked for, or a stack with another LockMode, leaves it.
    const keepingModes = (bucket: Bucket) =>
      wrapBucket(bucket, {
        extend: (key, version, { until }) => bucket.extend(key, version, { mode: "GOVERNANCE", until }),
        retention: async (...args) => {
          const lock = await bucket.retention(...args);
          return lock && { ...lock, mode: "COMPLIANCE" };
        },
      });
    const promised = await rig.run({ content: { lockMode: "COMPLIANCE" }, around: keepingModes });
    rig.ahead += 20 * day;
    const renewed = await renewRig(rig, { last: 1 });
    expect(renewed).toMatchObject({ backups: 1, refused: 0, damaged: 0 });
    expect(renewed.extended).toBe(renewed.objects);
    // The pack; and the part, unless a folder above the rig changed meanwhile, as all tests have.
    expect(renewed.weaker).toBeWithin(1, 3);
    expect(renewed.heard).toEqual([
      expect.stringContaining(`error weaker-mode: ${renewed.weaker} objects are locked in GOVERNANCE mode`),
    ]);
    expect(await promised.backup.lockModes()).toContain("GOVERNANCE");
  });

  test("renew never makes a lock shorter, and asks for none that is long enough", async () => {
    await using set = await backedUp({ content: { daysRetained: 300 } });
    const counts = noCounts();
    const renewed = await renewRig(set.rig, { last: 1 }, { days: 10, bucket: count(set.rig.bucket, counts) });
    expect(renewed.extended).toBe(0);
    expect(counts).toMatchObject({ head: renewed.objects, extend: 0, put: 0, remove: 0 });
    expect(await daysLocked(set.rig)).toBeGreaterThan(299);
  });

  test("renew looks once at what many backups share, for the longest of their promises", async () => {
    await using set = await backedUp({ name: "a" });
    const { rig } = set;
    await rig.run({ name: "b", content: { daysRetained: 100 } });
    await rig.run({ name: "b", content: { daysRetained: 100 } });
    rig.ahead += 10 * day;
    const counts = noCounts();
    const renewed = await renewRig(rig, { last: 9 }, { bucket: count(rig.bucket, counts) });
    const readBack = Math.floor(Math.log2(renewed.extended)) + 1;
    expect(counts.head).toBe(renewed.objects + readBack);
    const [pack = ""] = await rig.keys("packs/");
    const until = (await rig.bucket.head(pack))?.retention?.until.getTime() ?? 0;
    expect((until - rig.now().getTime()) / day).toBe(107);
  });

  test("a renewal of one name, and of what the policy keeps, leaves the others alone", async () => {
    await using set = await backedUp({ name: "a" });
    const { rig } = set;
    await rig.run({ name: "b" });
    rig.ahead += 10 * day;
    await rig.write("file", noise(100, 9));
    await rig.run({ name: "b" });
    rig.ahead += 10 * day;
    const renewed = await renewRig(rig, { last: 1 }, { names: ["b"] });
    expect(renewed.backups).toBe(1);
    const { roots } = await findRoots(rig.bucket);
    const days = await Promise.all(
      roots.map(async ({ key }) => {
        const until = (await rig.bucket.head(key))?.retention?.until.getTime() ?? 0;
        return Math.round((until - rig.now().getTime()) / day);
      }),
    );
    expect(days).toEqual([17, 17, 37]); // a, the older of b, the newest of b
  });

  test("renew reports what is missing or cannot be read, and renews the rest", async () => {
    await using set = await backedUp({ name: "a" });
    const { rig } = set;
    await rig.write("only-b", noise(60_000, 5));
    const b = await rig.run({ name: "b" });
    const [own] = b.backup.objectsOf(rig.file("only-b"));
    await rm(join(rig.path, "bucket", own?.key ?? "none"));
    const [root = ""] = (await rig.keys("manifests/a/")).filter((key) => !key.includes("/parts/"));
    await Bun.write(join(rig.path, "bucket", root), "x".repeat((await rig.bucket.head(root))?.size ?? 0));
    rig.ahead += 10 * day;
    const renewed = await renewRig(rig, { last: 1 });
    expect(renewed).toMatchObject({ backups: 1, damaged: 2, refused: 0 });
    expect(renewed.heard.toSorted()).toEqual([
      expect.stringContaining(`error not-renewed: the lock of "${own?.key}" is not extended: it is missing`),
      expect.stringContaining(`error not-renewed: what is named in "${root}" is not renewed: `),
    ]);
    expect(renewed.extended).toBeGreaterThan(1);
  });

  test("renew counts what may not be extended, and accepts a lock that others extended further meanwhile", async () => {
    await using set = await backedUp();
    const refusing = (kind: "denied" | "locked"): Bucket => ({
      ...count(set.rig.bucket, noCounts()),
      extend: (key) => Promise.reject(new BucketError(kind, { doing: "extend", what: key, why: "it is refused" })),
    });
    set.rig.ahead += 20 * day;
    const denied = await renewRig(set.rig, { last: 1 }, { bucket: refusing("denied") });
    expect([denied.refused, denied.heard.length]).toEqual([denied.objects, denied.objects]);
    expect(await renewRig(set.rig, { last: 1 }, { bucket: refusing("locked") })).toMatchObject({
      refused: 0,
      heard: [],
    });
  });
});

describe("stale names", () => {
  test("a name is stale if its newest backup is older than the limit; one dated in the future does not help", async () => {
    await using set = await backedUp({ name: "dead" });
    const { rig, run } = set;
    const body = Buffer.concat(await Array.fromAsync(rig.bucket.get(run.summary.key)));
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
    await rig.bucket.put("manifests/dead/20990101T000000Z-00000000.jsonl.zst", body, { retention });
    rig.ahead += 3.5 * day;
    await rig.run({ name: "alive" });
    const { roots } = await findRoots(rig.bucket);
    const stale = (days: number, name?: string) =>
      staleNames(roots, { bucket: rig.bucket, names: name === undefined ? undefined : [name], days, now: rig.now() });
    const names = async (days: number, name?: string) => (await stale(days, name)).map((one) => one.name);
    expect(await names(3)).toEqual(["dead"]);
    expect(await names(4)).toEqual([]);
    expect(await names(3, "alive")).toEqual([]);
    const last = (await stale(3))[0]?.last?.getTime() ?? 0;
    expect(Math.abs(last - run.summary.started.getTime())).toBeLessThan(60_000);
    expect(await names(3, "ded").catch(String)).toContain('did you mean "dead"?');
  });
});

/** A server that says of these keys that it extended their lock, and does not. */
function lyingAbout(bucket: Bucket, isOne: (key: string) => boolean): Bucket {
  return wrapBucket(bucket, {
    extend: async (key, ...rest) => (isOne(key) ? undefined : bucket.extend(key, ...rest)),
  });
}

describe("a server that answers renew that it extended a lock, and did not,", () => {
  test("a server that lies about extensions is found out by the first lock, and none counts as extended", async () => {
    await using set = await backedUp();
    set.rig.ahead += 20 * day;
    const renewed = await renewRig(set.rig, { last: 1 }, { bucket: lyingAbout(set.rig.bucket, () => true) });
    expect(renewed).toMatchObject({ extended: 0, refused: renewed.objects, damaged: 0 });
    expect(renewed.heard.join()).toContain("the server answered that it did, and the object is locked until");
  });

  test("a server that lies about extensions is found out though it extended the first, and all locks are looked at again", async () => {
    await using rig = await Rig.make();
    for (let number = 0; number < 12; number += 1) {
      await rig.write(`file${number}`, noise(50_000, number));
      await rig.run({ content: { repackBelow: 0 } });
    }
    rig.ahead += 20 * day;
    const packs = (await rig.keys("packs/")).slice(2);
    const lying = lyingAbout(rig.bucket, (key) => packs.includes(key));
    const renewed = await renewRig(rig, { last: 1 }, { bucket: lying });
    expect(renewed).toMatchObject({ extended: renewed.objects - packs.length, refused: packs.length, damaged: 0 });
    expect(renewed.heard.join()).toContain(`${packs.length} locks are too short`);
  });
});
