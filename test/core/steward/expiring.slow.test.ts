/** Archive and steward in a bucket whose lifecycle rule removes what no lock holds. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { verified } from "../../restore/verify/plant.ts";
import { attack } from "../../support/attack.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig } from "../archive/rig.ts";
import { keyAt, oldAndNew } from "./forgery.ts";
import { isWhole, pruneRig, renewRig } from "./support.ts";

const daysRetained = 5;
const rules = (bucket: Bucket) => wrapBucket(bucket, { expiryDays: async () => daysRetained });

/** S3's work of a night. Returns how much it removed. */
async function expire({ bucket, now }: Rig): Promise<number> {
  let removed = 0;
  for (const { key, version, stored } of (await Array.fromAsync(bucket.listVersions(""))).flat()) {
    const isOld = now().getTime() - stored.getTime() >= (daysRetained + 1) * day;
    const lock = await bucket.retention(key, version);
    if (!isOld || (lock !== undefined && lock.until > now())) continue;
    await bucket.remove(key, version);
    removed += 1;
  }
  return removed;
}

/** Two weeks of daily backups of files that each change every few days, so that content goes before the roots that name it. */
async function lived(layout: "packs" | "objects"): Promise<Rig> {
  const rig = await Rig.make();
  for (let today = 0; today < 20; today += 1) {
    for (let file = 0; file < 5; file += 1)
      if (today % 5 === file) await rig.write(`file-${file}`, noise(5_000, today));
    await expire(rig);
    const { heard } = await rig.run({ content: { daysRetained, layout }, around: rules });
    expect(heard.filter((line) => !line.startsWith("info"))).toEqual([]);
    rig.ahead += day;
  }
  await expire(rig);
  return rig;
}

/** S3's markers: what is old enough is not listed, whatever its lock. */
function hidden({ now }: Rig, bucket: Bucket): Bucket {
  return wrapBucket(rules(bucket), {
    async *list(...from) {
      const versions = (await Array.fromAsync(bucket.listVersions(from[0]))).flat();
      const isYoung = ({ stored }: { readonly stored: Date }) =>
        now().getTime() - stored.getTime() < daysRetained * day;
      const young = new Set(versions.filter(isYoung).map(({ key }) => key));
      for await (const page of bucket.list(...from)) yield page.filter(({ key }) => young.has(key));
    },
  });
}

describe.each(["packs", "objects"] as const)("a bucket that lets expire, with layout = %s", (layout) => {
  test(`renew passes over backups that have lost something, and verify still calls those expired (${layout})`, async () => {
    await using rig = await lived(layout);
    const bucket = rules(rig.bucket);
    const renewed = await renewRig(rig, { last: 20 }, { bucket });
    expect(renewed).toMatchObject({ damaged: 0, refused: 0 });
    expect(renewed.expired).toBeGreaterThan(0);
    // Those that promise, and some that do not any more.
    expect(renewed.backups).toBeGreaterThanOrEqual(daysRetained);
    expect(renewed.heard).toEqual([
      expect.stringContaining(`backup-expired: ${renewed.expired} backups are not renewed`),
    ]);
    const verdict = await verified({ bucket, now: rig.now });
    expect(verdict.state).toBe("restorable");
    expect(new Set(verdict.backups.map(({ state }) => state))).toEqual(new Set(["expired", "restorable"]));
    // What was renewed stays: a week later the others are gone.
    for (let night = 0; night < daysRetained - 1; night += 1) {
      rig.ahead += day;
      await expire(rig);
    }
    const again = await renewRig(rig, { last: 20 }, { bucket });
    expect(again).toMatchObject({ backups: renewed.backups, damaged: 0, refused: 0 });
  });

  test(`a backup whose promise is over and that is still whole is renewed (${layout})`, async () => {
    await using rig = await Rig.make();
    await rig.write("file", noise(5_000));
    const run = await rig.run({ content: { daysRetained, layout } });
    rig.ahead += (daysRetained + 2) * day;
    await expire(rig);
    const bucket = rules(rig.bucket);
    expect(await renewRig(rig, { last: 1 }, { bucket })).toMatchObject({
      backups: 1,
      expired: 0,
      damaged: 0,
      heard: [],
    });
    // As long as it promises.
    rig.ahead += daysRetained * day - 1;
    await expire(rig);
    expect(await isWhole(rig, run, { file: noise(5_000) })).toBe(true);
  });

  test(`prune keeps what the policy keeps, and says nothing of what has expired (${layout})`, async () => {
    await using rig = await lived(layout);
    const pruned = await pruneRig(rig, { last: 2 });
    expect(pruned.heard).toEqual([]);
    expect((await verified({ bucket: rules(rig.bucket), now: rig.now })).state).toBe("restorable");
  });

  test(`what S3 removes while a backup runs is stored again before the backup is complete (${layout})`, async () => {
    await using rig = await Rig.make();
    await rig.write("file", noise(50_000));
    await rig.run({ content: { daysRetained, layout } });
    // Three days before the locks end; the run goes on for four.
    rig.ahead += (daysRetained + 7 - 3) * day;
    await rig.write("new", "");
    let removed = 0;
    const during = (bucket: Bucket) =>
      wrapBucket(rules(bucket), {
        async extend(...extension) {
          if (removed === 0) {
            rig.ahead += 4 * day;
            removed = await expire(rig);
          }
          return bucket.extend(...extension);
        },
      });
    const run = await rig.run({ content: { daysRetained, layout }, around: during });
    expect(removed).toBeGreaterThan(0);
    expect(run.heard.filter((line) => line.startsWith("error"))).toEqual([]);
    expect(run.heard.join("\n")).toContain("not-extended");
    expect(await isWhole(rig, run, { file: noise(50_000) })).toBe(true);
  });

  test(`a machine that was off for months stores all again, and needs no old backup (${layout})`, async () => {
    await using rig = await Rig.make();
    await rig.write("file", noise(50_000));
    await rig.run({ content: { daysRetained, layout } });
    rig.ahead += 100 * day;
    expect(await expire(rig)).toBeGreaterThan(2);
    expect((await rig.keys("")).filter((key) => !key.startsWith("index/"))).toEqual([]);
    const run = await rig.run({ content: { daysRetained, layout }, around: rules });
    expect(run.heard).toEqual([expect.stringContaining("info state-outdated: the state database")]);
    expect(await isWhole(rig, run, { file: noise(50_000) })).toBe(true);
    expect((await verified({ bucket: rules(rig.bucket), now: rig.now })).state).toBe("restorable");
    await rm(rig.statePath());
    const lost = await rig.run({ content: { daysRetained, layout }, around: rules });
    expect(await isWhole(rig, lost, { file: noise(50_000) })).toBe(true);
  });

  test(`a state whose last index object lies under a marker is still believed, and nothing is stored again (${layout})`, async () => {
    await using rig = await Rig.make();
    await rig.write("file", noise(50_000));
    const options = { content: { daysRetained: 30, layout }, around: (bucket: Bucket) => hidden(rig, bucket) };
    await rig.run(options);
    for (let nights = 0; nights < 4; nights += 1) {
      // A laptop that is used every other week: longer than S3 takes to put its markers.
      rig.ahead += 14 * day;
      await expire(rig);
      const { heard, summary } = await rig.run(options);
      expect(heard).toEqual([]);
      expect(summary).toMatchObject({ unchanged: 1, bytesStored: 0, objectsStored: 0 });
    }
  });
});

for (const kind of ["frozen", "denied", "other"] as const) {
  attack(
    {
      by: "W",
      what: "a root in an archive tier, or encrypted with a key of the attacker's, before `renew` in a bucket that lets expire",
      before: "renew ended there, and renewed nothing, each time",
      now: "it is reported, and all backups are renewed",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, newer } = sample;
      const { key } = await sample.put(keyAt(rig), "junk");
      const bucket = wrapBucket(rules(rig.bucket), {
        get: (wanted, options) => {
          if (wanted === key) throw new BucketError(kind, { doing: "read", what: key, why: "it is so" });
          return rig.bucket.get(wanted, options);
        },
      });
      const renewed = await renewRig(rig, { last: 1 }, { bucket, names: ["host"] });
      expect(renewed.backups).toBe(1);
      expect(renewed.extended).toBeGreaterThan(0);
      expect(renewed.heard).toEqual([
        expect.stringContaining(`what is named in ${JSON.stringify(key)} is not renewed`),
      ]);
      const lock = await rig.bucket.retention(newer.summary.key, newer.summary.version);
      expect(lock?.until.getTime()).toBeGreaterThan(rig.now().getTime() + 29 * day);
    },
    { variant: kind },
  );
}
