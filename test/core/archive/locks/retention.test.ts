import { describe, expect, test } from "bun:test";
import { unlink } from "node:fs/promises";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { noise } from "../noise.ts";
import { day, type RunOptions } from "../rig.ts";
import { keepsPromise, promisedDays, rigWithFile, watched } from "./promises.ts";

describe("locks", () => {
  test("locks are extended when they end before the promise, once, with a week's slack", async () => {
    await using rig = await rigWithFile();
    const extended: number[] = [];
    for (let today = 0; today <= 20; today += 1) {
      const run = await watched(rig);
      expect(promisedDays(run)).toBe(30);
      expect(await keepsPromise(run)).toBe(true);
      expect(run.summary.extended).toBe(run.counts.extend);
      extended.push(run.extendedPacks);
      rig.ahead += day;
    }
    // Once a week.
    expect(extended.flatMap((count, today) => (count > 0 ? [[today, count]] : []))).toEqual([
      [7, 1],
      [14, 1],
    ]);
    expect(await rig.keys("packs/")).toHaveLength(1);
  });

  test("locks extended by one host are extended by the other too, as nobody is believed about locks", async () => {
    await using rig = await rigWithFile();
    await rig.run({ name: "a" });
    const sharing = { shareWith: ["a"] };
    expect((await rig.run({ name: "b", content: sharing })).summary.bytesStored).toBe(0);
    rig.ahead += 8 * day;
    expect((await watched(rig, { name: "a" })).extendedPacks).toBe(1);
    const other = await watched(rig, { name: "b", content: sharing });
    expect(other.extendedPacks).toBe(1);
    expect(await keepsPromise(other)).toBe(true);
  });

  test("locks that others extended further without our knowing are long enough, and are asked for once", async () => {
    await using rig = await rigWithFile();
    const alone = { shareWith: [] };
    await rig.run({ name: "a", content: alone });
    await rig.run({ name: "b", content: { daysRetained: 100, shareWith: ["a"] } });
    rig.ahead += 8 * day;
    const run = await watched(rig, { name: "a", content: alone });
    expect(run.heard).toEqual([]);
    expect(run.extendedPacks).toBe(1);
    expect(await keepsPromise(run)).toBe(true);
    expect((await watched(rig, { name: "a", content: alone })).extendedPacks).toBe(0);
  });

  test("locks of the stricter mode are extended in that mode", async () => {
    await using rig = await rigWithFile();
    await rig.run({ content: { lockMode: "COMPLIANCE" } });
    rig.ahead += 8 * day;
    const run = await rig.run({ content: { lockMode: "GOVERNANCE" } });
    expect(run.heard).toEqual([]);
    expect(await keepsPromise(run)).toBe(true);
  });

  test("locks of what is not used any more are not extended", async () => {
    await using rig = await rigWithFile();
    await rig.run();
    await unlink(rig.file("file"));
    await rig.write("other", "other");
    rig.ahead += 8 * day;
    expect((await watched(rig)).extendedPacks).toBe(0);
  });

  test("locks that expire within two days are not built upon: the content is stored again", async () => {
    await using rig = await rigWithFile();
    await rig.run();
    rig.ahead += 35 * day + 60_000;
    const run = await watched(rig);
    expect(run.extendedPacks).toBe(0);
    expect(run.summary).toMatchObject({ objectsStored: 1, changed: 1, unchanged: 0 });
    expect(await keepsPromise(run)).toBe(true);
    expect((await run.backup.read(rig.file("file"))).equals(noise(100_000))).toBe(true);
    // What expired is forgotten: nothing is read again.
    expect((await rig.run()).summary).toMatchObject({ objectsStored: 0, unchanged: 1 });
  });
});

describe("clocks", () => {
  function serverAhead(seconds: number): RunOptions {
    return {
      around: (bucket: Bucket) =>
        wrapBucket(bucket, { serverTime: () => new Date((bucket.serverTime()?.getTime() ?? 0) + seconds * 1000) }),
    };
  }

  test("clocks that agree say nothing", async () => {
    await using rig = await rigWithFile();
    const run = await rig.run(serverAhead(30));
    expect(run.heard).toEqual([]);
    expect(run.backup.manifest.header.clock_skew).toBe(30);
  });

  test("clocks of which the bucket's is ahead: locks are counted from the bucket's", async () => {
    await using rig = await rigWithFile();
    const run = await rig.run(serverAhead(600));
    expect(run.heard).toEqual(["warning clock-skew: this host's clock is 600 s behind the bucket's; set it right"]);
    expect(promisedDays(run)).toBe(30 + 600 / 86_400);
  });

  test("clocks of which the host's is ahead: locks are counted from the host's", async () => {
    await using rig = await rigWithFile();
    const run = await rig.run(serverAhead(-600));
    expect(run.heard).toEqual(["warning clock-skew: this host's clock is 600 s ahead of the bucket's; set it right"]);
    expect(promisedDays(run)).toBe(30);
  });

  test("clocks are not said to differ because reading the index took long", async () => {
    await using rig = await rigWithFile();
    let listed = 0;
    const slow = (bucket: Bucket): Bucket =>
      wrapBucket(bucket, {
        list: (prefix, after) => {
          rig.ahead += 3_600_000;
          listed += 1;
          return bucket.list(prefix, after);
        },
      });
    const run = await rig.run({ around: slow });
    expect(listed).toBe(2);
    expect(run.heard).toEqual([]);
    expect(run.backup.manifest.header.clock_skew).toBe(0);
  });
});
