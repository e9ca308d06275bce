/** Prunes and renewals of a bucket in which roots, parts and other things under `manifests/` are not what they should be. */
import { describe, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { stampOf } from "../../../core/format/keys.ts";
import { decodeManifest, encodeManifest, type Manifest } from "../../../core/format/manifest.ts";
import { once } from "../../../core/stored/bytes.ts";
import { attack } from "../../support/attack.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig, type RigRun } from "../archive/rig.ts";
import { isWhole, pruneRig, renewRig } from "./support.ts";

const first = noise(50_000, 1);
const second = noise(50_000, 2);

/** Two backups with a pack each; nothing of the first is locked any more. What an attacker puts is locked for ten years. */
async function oldAndNew() {
  const rig = await Rig.make();
  await rig.write("file", first);
  const older = await rig.run();
  rig.ahead += 30 * day;
  await rig.write("file", second);
  const newer = await rig.run();
  rig.ahead += 8 * day;
  const retention = { mode: "COMPLIANCE", until: new Date(rig.now().getTime() + 3650 * day) } as const;
  const put = (key: string, body: Uint8Array | string) => rig.bucket.put(key, Buffer.from(body), { retention });
  return { rig, older, newer, put, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

type Sample = Awaited<ReturnType<typeof oldAndNew>>;

async function rootOf(rig: Rig, { summary: { key, version } }: RigRun): Promise<Manifest> {
  return decodeManifest(
    once(zstdDecompressSync(Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version }))))),
  );
}

function keyAt(rig: Rig, name = "host", run = "00000000"): string {
  return `manifests/${name}/${stampOf(rig.now())}-${run}.jsonl.zst`;
}

/** A root of `name` with good dates, and what `change` makes of it. */
async function forged(sample: Sample, name: string, change = (plain: Manifest): Manifest => plain) {
  const { rig, newer, put } = sample;
  const plain = await rootOf(rig, newer);
  const started = new Date(Math.floor(rig.now().getTime() / 1000) * 1000).toISOString();
  const header = { ...plain.header, name, run: "00000000", started };
  const manifest = change({ ...plain, header, totals: { ...plain.totals, finished: started } });
  const stored = await put(keyAt(rig, name), Bun.zstdCompressSync(encodeManifest(manifest)));
  return { ...stored, manifest };
}

/** The first backup went, with its pack, and the second is whole. */
async function expectPruned(
  { rig, older, newer }: Sample,
  pruned: Awaited<ReturnType<typeof pruneRig>>,
): Promise<void> {
  expect(pruned.backups).toContainEqual(expect.objectContaining({ key: older.summary.key, fate: "removed" }));
  expect(pruned.of("removed")).toMatchObject({ root: 1, pack: 1 });
  expect(pruned.of("held")).toEqual({});
  expect(await isWhole(rig, newer, { file: second })).toBe(true);
}

const newerRoot = Bun.zstdCompressSync(Buffer.from('{"format":"sysbackup-manifest","version":3}\n'));
const notBackups: readonly (readonly [name: string, key: (rig: Rig) => string, body: Uint8Array | string])[] = [
  ["four bytes", keyAt, "junk"],
  ["a zstd frame of something else", keyAt, Bun.zstdCompressSync(Buffer.from('{"a":1}\n'))],
  ["the time 99999999T999999Z", () => "manifests/host/99999999T999999Z-00000000.jsonl.zst", "junk"],
  ["the time 99991231T235959Z", () => "manifests/host/99991231T235959Z-00000000.jsonl.zst", "junk"],
  ["a backup name that nobody has", (rig) => keyAt(rig, "nobody"), "junk"],
];

describe("what is no backup", () => {
  for (const [variant, key, body] of notBackups) {
    attack(
      {
        by: "W",
        what: "junk under the key of a root, locked for ten years, before `prune`",
        before: "prune removed nothing, of any name",
        now: "it is reported, takes no backup's place, and all others are pruned",
      },
      async () => {
        await using sample = await oldAndNew();
        const { key: junk, version } = await sample.put(key(sample.rig), body);
        const pruned = await pruneRig(sample.rig, { last: 1 });
        await expectPruned(sample, pruned);
        expect(pruned.heard).toEqual([
          expect.stringContaining(`warning not-a-backup: "${junk}" (version ${version}) is no backup: `),
        ]);
        expect(pruned).toMatchObject({ unreadable: 1, holding: 0 });
        expect(pruned.backups).toContainEqual(
          expect.objectContaining({ key: junk, fate: "kept", time: expect.any(Date) }),
        );
      },
      { variant },
    );
  }

  attack(
    {
      by: "W",
      what: "another machine's root under a key of this one, before `prune`",
      before: "took the place of its newest backup",
      now: "it is reported, and takes no place",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, newer, put } = sample;
      const { key, version } = newer.summary;
      await put(keyAt(rig), Buffer.concat(await Array.fromAsync(rig.bucket.get(key, { version }))));
      await expectPruned(sample, await pruneRig(rig, { last: 1 }));
    },
  );

  attack(
    {
      by: "W",
      what: "junk laid over the root of a kept backup, before `prune`",
      before: "prune removed nothing, of any name",
      now: "the first version of a root counts",
    },
    async () => {
      await using sample = await oldAndNew();
      await sample.put(sample.newer.summary.key, "junk");
      const pruned = await pruneRig(sample.rig, { last: 1 });
      await expectPruned(sample, pruned);
      expect(pruned.heard).toEqual([]);
    },
  );

  attack(
    {
      by: "H",
      what: "a root that gives a wrong digest of its part, before `prune`",
      before: "prune removed nothing, of any name",
      now: "it is reported, and holds nothing back",
    },
    async () => {
      await using sample = await oldAndNew();
      await forged(sample, "thief", (plain) => {
        return { ...plain, parts: plain.parts.map((part) => ({ ...part, sha256: "0".repeat(64) })) };
      });
      const pruned = await pruneRig(sample.rig, { last: 1 });
      await expectPruned(sample, pruned);
      expect(pruned.heard).toEqual([expect.stringContaining("warning not-a-backup: ")]);
    },
  );

  test("hundreds of junk roots over the newest backup cost a few rounds, and none takes its place", async () => {
    await using sample = await oldAndNew();
    const { rig, put } = sample;
    for (let number = 100; number < 400; number += 1) await put(keyAt(rig, "host", `00000${number}`), "junk");
    const pruned = await pruneRig(rig, { last: 1 });
    await expectPruned(sample, pruned);
    expect(pruned.heard).toHaveLength(12);
    expect(pruned.heard.at(-2)).toContain("warning not-a-backup: 290 more objects");
    expect(pruned.heard.at(-1)).toContain("warning name-grew: ");
  });

  test("junk goes once all that the rules keep was stored after it, and its lock has ended", async () => {
    await using sample = await oldAndNew();
    const { rig } = sample;
    const retention = { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + day) } as const;
    const { key: junk } = await rig.bucket.put(keyAt(rig), Buffer.from("junk"), { retention });
    rig.ahead += 2 * day;
    expect((await pruneRig(rig, { last: 1 })).backups).toContainEqual(
      expect.objectContaining({ key: junk, fate: "kept" }),
    );
    await rig.run();
    const later = await pruneRig(rig, { last: 1 });
    expect(later.backups).toContainEqual(expect.objectContaining({ key: junk, fate: "removed" }));
  });
});

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
      await put("manifests/web-backup.json", "{}");
      const held = await pruneRig(rig, { last: 1 });
      expect(held.heard[0]).toContain('"manifests/web-backup.json"');
      expect(held.of("held").pack).toBe(1);
      expect((await renewRig(rig, { last: 1 })).damaged).toBe(0);
      const given = await pruneRig(rig, { last: 1 }, { giveUp: ["manifests/web-backup.json"] });
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

async function expectPrunedLater({ rig, newer }: Sample, pruned: Awaited<ReturnType<typeof pruneRig>>): Promise<void> {
  expect(pruned.of("removed")).toMatchObject({ pack: 1 });
  expect(await isWhole(rig, newer, { file: second })).toBe(true);
}

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

describe("versions laid over a root", () => {
  attack(
    {
      by: "W",
      what: "thousands of versions under the key of junk, before `prune`",
      before: "each was read, and the locks of all asked for at once",
      now: "the oldest hundred are looked at, eight at a time",
    },
    async () => {
      await using sample = await oldAndNew();
      const { rig, put } = sample;
      const key = keyAt(rig);
      for (let count = 0; count < 300; count += 1) await put(key, "junk");
      const counts = noCounts();
      await expectPruned(sample, await pruneRig(rig, { last: 1 }, { bucket: count(rig.bucket, counts) }));
      // Junk is read twice, as bytes may change on the way.
      expect(counts.get).toBeLessThan(2 * 100 + 20);
      rig.ahead += 40 * day;
      await rig.run();
      let most = 0;
      let now = 0;
      const retention: typeof rig.bucket.retention = async (...args) => {
        now += 1;
        most = Math.max(most, now);
        return rig.bucket.retention(...args).finally(() => {
          now -= 1;
        });
      };
      await pruneRig(rig, { last: 1 }, { bucket: wrapBucket(rig.bucket, { retention }) });
      expect(most).toBeLessThanOrEqual(64);
    },
  );
});

describe("versions that no server gives", () => {
  attack(
    {
      by: "H",
      what: "a root that names a part in a version of a thousand characters, before `prune`",
      before: "a server answered with an error of its own, as if it were down: prune, renew and verify --all ended",
      now: "it is junk, and all else goes on",
    },
    async () => {
      await using sample = await oldAndNew();
      const { key } = await forged(sample, "thief", (plain) => {
        return { ...plain, parts: plain.parts.map((part) => ({ ...part, version: "v".repeat(1_000) })) };
      });
      const pruned = await pruneRig(sample.rig, { last: 1 });
      await expectPruned(sample, pruned);
      expect(pruned.heard).toEqual([expect.stringContaining(`warning not-a-backup: "${key}"`)]);
    },
  );
});
