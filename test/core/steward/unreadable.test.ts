/** Roots that cannot be read and may be backups, and dates that lie: a prune removes nothing that they may need. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { encodeManifest } from "../../../core/format/manifest/manifest.ts";
import { attack } from "../../support/attack.ts";
import { noise } from "../archive/noise.ts";
import { day } from "../archive/rig.ts";
import { expectPrunedLater, forged, keyAt, newerRoot, oldAndNew, rootOf, second } from "./forgery.ts";
import { isWhole, pruneRig, renewRig } from "./support.ts";

describe("what may be a backup", () => {
  attack(
    {
      by: "W",
      what: "a root of a newer format, of a name of its own, before `prune`",
      before: "prune removed nothing, of any name",
      now: "held back is only what was stored before it; --give-up goes on",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, put, older, newer } = sample;
      const { key } = await put(keyAt(rig, "other"), newerRoot);
      const held = await pruneRig(rig, { last: 1 });
      expect(held.heard).toEqual([
        expect.stringMatching(/^warning removal-held: what "manifests\/other\/.*" \(version .*\) needs is not known: /),
      ]);
      expect(held.heard[0]).toContain('to give it up, add --give-up "other"');
      expect(held.of("removed")).toMatchObject({ root: 1, part: 1 });
      expect(held.of("removed").pack).toBeUndefined();
      expect(held.of("held")).toEqual({ pack: 1 });
      expect(held).toMatchObject({ unreadable: 1, holding: 1 });
      expect(held.backups).toContainEqual(expect.objectContaining({ key: older.summary.key, fate: "removed" }));
      const given = await pruneRig(rig, { last: 1 }, { giveUp: ["other"] });
      expect(given.of("removed")).toMatchObject({ pack: 1 });
      expect(given.backups).toContainEqual(expect.objectContaining({ key, fate: "kept" }));
      expect(await isWhole(rig, newer, { file: second })).toBe(true);
    },
  );

  test("what is stored days after something unreadable is removed as usual", async () => {
    await using sample = await oldAndNew();
    const { rig, put } = sample;
    await put(keyAt(rig, "other"), newerRoot);
    rig.ahead += 3 * day;
    await rig.write("file", noise(50_000, 3));
    await rig.run();
    rig.ahead += 40 * day;
    await rig.write("file", noise(50_000, 4));
    await rig.run();
    const pruned = await pruneRig(rig, { last: 1 });
    // The pack of the third backup, not those of the first and the second, which may be needed.
    expect(pruned.of("removed")).toMatchObject({ root: 3, pack: 1 });
    expect(pruned.of("held")).toEqual({ pack: 2 });
  });

  test("a newer root of the same name holds its parts and dumps too, and is no backup that a rule counts", async () => {
    await using sample = await oldAndNew();
    const { rig, put, newer } = sample;
    await put(keyAt(rig), newerRoot);
    const held = await pruneRig(rig, { last: 1 });
    expect(held.of("held")).toEqual({ part: 1, pack: 1 });
    expect(held.backups).toContainEqual(expect.objectContaining({ key: newer.summary.key, reasons: ["last"] }));
  });

  attack(
    {
      by: "W",
      what: "a key that is none of sysbackup's under `manifests/`, before `prune`",
      before: "prune and renew did nothing, for all names",
      now: "it is reported, and what may be needed by it is kept; --give-up goes on",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, put } = sample;
      await put("manifests/web-other.json", "{}");
      const held = await pruneRig(rig, { last: 1 });
      expect(held.heard[0]).toContain('"manifests/web-other.json"');
      expect(held.of("held").pack).toBe(1);
      expect((await renewRig(rig, { last: 1 })).damaged).toBe(0);
      const given = await pruneRig(rig, { last: 1 }, { giveUp: ["manifests/web-other.json"] });
      expect(given.of("removed")).toMatchObject({ pack: 1 });
    },
  );

  for (const lost of ["changed on the disk", "missing"] as const) {
    test(`a kept root that is ${lost} holds back what it may need`, async () => {
      await using sample = await oldAndNew();
      const { rig, older, newer } = sample;
      const path = join(rig.path, "bucket", older.summary.key);
      const size = (await rig.bucket.head(older.summary.key))?.size ?? 0;
      if (lost === "missing") await rm(join(rig.path, "bucket", older.backup.manifest.parts[0]?.key ?? ""));
      else await Bun.write(path, "x".repeat(size));
      const pruned = await pruneRig(rig, { last: 2 });
      expect(pruned.of("removed")).toEqual({});
      expect(pruned.holding).toBe(1);
      expect(pruned.of("held").pack ?? 0).toBe(1);
      expect(await isWhole(rig, newer, { file: second })).toBe(true);
    });
  }

  attack(
    {
      by: "H",
      what: "a root that names a part which was never put, before `prune`",
      before: "prune removed nothing, of any name",
      now: "it is reported under its name, and --give-up of that name goes on",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig } = sample;
      await forged(sample, "thief", (plain) => {
        return { ...plain, parts: plain.parts.map((part) => ({ ...part, version: "0".repeat(22) })) };
      });
      const held = await pruneRig(rig, { last: 1 });
      expect(held.heard[0]).toContain('--give-up "thief"');
      expect(held.of("held").pack).toBe(1);
      await expectPrunedLater(sample, await pruneRig(rig, { last: 1 }, { giveUp: ["thief"] }));
    },
  );

  test("a damaged root that is to go, or is locked, does not stop a prune", async () => {
    await using sample = await oldAndNew();
    const { rig, older } = sample;
    const { key, version } = older.summary;
    await Bun.write(join(rig.path, "bucket", key), "x".repeat((await rig.bucket.head(key, version))?.size ?? 0));
    await rig.bucket.extend(key, version, { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) });
    const locked = await pruneRig(rig, { last: 1 });
    expect(locked.heard).toEqual([expect.stringContaining("warning locked-unreadable")]);
    rig.ahead += 2 * day;
    expect((await pruneRig(rig, { last: 1 })).of("removed")).toMatchObject({ root: 1 });
  });
});

describe("dates that lie, in a prune", () => {
  for (const stamp of ["20990101T000000Z", "20010101T000000Z"]) {
    attack(
      {
        by: "H",
        what: "roots dated in the future or the past by a stolen key, before `prune`",
        before: "the past ones pushed genuine backups out",
        now: "the server's dates decide",
      },
      async () => {
        await using sample = await oldAndNew();
        const { rig, older, newer, put } = sample;
        const plain = await rootOf(rig, newer);
        const started = `${stamp.slice(0, 4)}-01-01T00:00:00.000Z`;
        const header = { ...plain.header, run: "00000000", started };
        const finished = stamp.startsWith("2001") ? rig.now().toISOString() : started;
        const body = encodeManifest({ ...plain, header, totals: { ...plain.totals, finished } });
        const { key } = await put(`manifests/host/${stamp}-00000000.jsonl.zst`, Bun.zstdCompressSync(body));
        const pruned = await pruneRig(rig, { yearly: 9, monthly: 9 });
        expect(pruned.backups.map((one) => [one.key, one.fate])).toEqual(
          expect.arrayContaining([
            [key, "kept"],
            [older.summary.key, "kept"],
          ]),
        );
        expect(pruned.of("removed")).toEqual({});
      },
      { variant: stamp },
    );
  }

  test("a backup of a clock that was wrong once takes no other's place, and goes with those of its time", async () => {
    await using sample = await oldAndNew();
    const { rig, newer } = sample;
    rig.ahead += 200 * day;
    const wrong = await rig.run();
    rig.ahead -= 199 * day;
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.backups.map(({ key, fate, reasons }) => [key, fate, ...reasons]).slice(0, 2)).toEqual([
      [wrong.summary.key, "kept", "dates contradict"],
      [newer.summary.key, "kept", "last"],
    ]);
  });
});
