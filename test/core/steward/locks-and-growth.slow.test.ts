/** Locks that lie, and backups that grow out of proportion, by somebody who may store. */
import { describe, expect, test } from "bun:test";
import { stampOf } from "../../../core/format/keys/keys.ts";
import { encodeManifest } from "../../../core/format/manifest/manifest.ts";
import { attack } from "../../support/attack.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig } from "../archive/rig.ts";
import { forged, keyAt, oldAndNew, rootOf, type Sample, second } from "./forgery.ts";
import { isWhole, pruneRig, renewRig } from "./support.ts";

describe("locks and growth", () => {
  attack(
    {
      by: "H",
      what: "a manifest that promises ten years, before `renew`",
      before: "all that it names was locked for ten years from each renewal",
      now: "at most as long as the steward allows",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig } = sample;
      const { key, version } = await forged(sample, "host", (plain) => {
        return {
          ...plain,
          header: { ...plain.header, retain_until: new Date(rig.now().getTime() + 3650 * day).toISOString() },
        };
      });
      const renewed = await renewRig(rig, { last: 1 }, { mostDays: 100 });
      expect(renewed.heard).toEqual([
        expect.stringContaining('warning promise-capped: backups of "host" promise locks of up to 365'),
      ]);
      const pack = (await rig.keys("packs/"))[0] ?? "";
      const until = await Promise.all(
        (await rig.keys("packs/")).map(async (one) => (await rig.bucket.head(one))?.retention?.until),
      );
      const longest = Math.max(...until.map((date) => date?.getTime() ?? 0));
      expect((longest - rig.now().getTime()) / day).toBeWithin(106.9, 107.1);
      expect(pack).not.toBe("");
      expect((await rig.bucket.head(key, version))?.key).toBe(key);
    },
  );

  attack(
    {
      by: "W",
      what: "junk under the key of a later root, before `renew`",
      before: "all was renewed, and the run failed as if backups were damaged",
      now: "it is reported, and no damage",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, newer } = sample;
      const { key: junk, version } = await sample.put(
        newer.summary.key.replace(/-[0-9a-f]{8}\./, "-ffffffff."),
        Buffer.from("x"),
      );
      const renewed = await renewRig(rig, { last: 1 });
      expect(renewed).toMatchObject({ damaged: 0, refused: 0, backups: 1 });
      expect(renewed.heard).toEqual([
        expect.stringContaining(`not-a-backup: "${junk}" (version ${version}) is no backup, and is not renewed: `),
      ]);
    },
  );

  attack(
    {
      by: "W",
      what: "junk laid over a root, before `renew`",
      before: "locked with it by each renewal",
      now: "only the first version of a root is renewed",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, newer } = sample;
      const until = new Date(rig.now().getTime() + day);
      const { key, version } = await rig.bucket.put(newer.summary.key, Buffer.from("x"), {
        retention: { mode: "GOVERNANCE", until },
      });
      expect((await renewRig(rig, { last: 1 })).damaged).toBe(0);
      expect((await rig.bucket.head(key, version))?.retention?.until).toEqual(until);
      const original = await rig.bucket.head(key, newer.summary.version);
      expect(original?.retention?.until.getTime()).toBeGreaterThan(rig.now().getTime() + 30 * day);
    },
  );

  attack(
    {
      by: "H",
      what: "hundreds of backups with good dates, by a stolen key",
      before: "not seen by anybody",
      now: "prune and renew say what each name holds, and warn of one that grew",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, put, newer } = sample;
      const plain = await rootOf(rig, newer);
      const started = new Date(Math.floor(rig.now().getTime() / 1000) * 1000).toISOString();
      for (let number = 100; number < 200; number += 1) {
        const run = `00000${number}`;
        const header = { ...plain.header, run, started };
        const body = encodeManifest({ ...plain, header, totals: { ...plain.totals, finished: started } });
        await put(
          keyAt(rig, "host", run).replace(/\d{8}T\d{6}Z/, stampOf(new Date(started))),
          Bun.zstdCompressSync(body),
        );
      }
      const words = `warning name-grew: "host" grew out of proportion: 100 of its 102 backups came in the last week`;
      const pruned = await pruneRig(rig, { daily: 9 });
      expect(pruned.heard).toEqual([expect.stringContaining(words)]);
      expect(pruned.holdings).toMatchObject([{ name: "host", backups: 102, newBackups: 100 }]);
      expect(pruned.holdings[0]?.bytes).toBeGreaterThan(50_000);
      expect((await renewRig(rig, { daily: 9 })).heard).toEqual([expect.stringContaining(words)]);
    },
  );

  test("daily backups of a year are not out of proportion", async () => {
    await using rig = await Rig.make();
    for (let number = 0; number < 40; number += 1) {
      await rig.write("file", noise(1000, number));
      await rig.run();
      rig.ahead += day;
    }
    expect((await pruneRig(rig, { daily: 9 })).heard).toEqual([]);
  });

  const wrongEnd = (sample: Sample) =>
    forged(sample, "host", (plain) => ({
      ...plain,
      totals: { ...plain.totals, finished: "2027-12-31T00:00:00.000Z" },
    }));

  attack(
    {
      by: "H",
      what: "a root whose key is right, and which says that it ended a year later, before `prune`",
      before: "prune kept it and removed the genuine backup; restore took neither",
      now: "it takes no other's place, as in restore",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, newer } = sample;
      const { key } = await wrongEnd(sample);
      rig.ahead += 40 * day;
      const pruned = await pruneRig(rig, { last: 1 });
      expect(pruned.backups).toContainEqual(
        expect.objectContaining({ key, fate: "kept", reasons: ["dates contradict"] }),
      );
      expect(pruned.backups).toContainEqual(
        expect.objectContaining({ key: newer.summary.key, fate: "kept", reasons: ["last"] }),
      );
      expect(await isWhole(rig, newer, { file: second })).toBe(true);
    },
  );

  for (const variant of ["in its key", "in its end"]) {
    attack(
      {
        by: "H",
        what: "any number of roots whose dates contradict the server's, before `renew --keep-last 1`",
        before: "renew locked all of them and what they need, each time",
        now: "only what the rules keep is locked; they are reported",
      },
      async () => {
        await using sample = await oldAndNew();
        const { rig, newer, put } = sample;
        const forgery = await wrongEnd(sample);
        if (variant === "in its key") {
          const header = { ...forgery.manifest.header, started: "2099-01-01T00:00:00.000Z" };
          const body = Bun.zstdCompressSync(encodeManifest({ ...forgery.manifest, header }));
          await put("manifests/host/20990101T000000Z-00000000.jsonl.zst", body);
        }
        const renewed = await renewRig(rig, { last: 1 }, { names: ["host"], days: 30 });
        expect(renewed).toMatchObject({ backups: 1, damaged: 0 });
        expect(renewed.heard[0]).toMatch(/^error not-renewed: [12] backups are not renewed, such as .*: their dates/);
        const { parts } = newer.backup.manifest;
        expect(renewed.objects).toBe(1 + parts.length + 1);
      },
      { variant },
    );
  }
});
