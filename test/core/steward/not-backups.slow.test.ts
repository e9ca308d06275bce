/** What lies under `manifests/` and is no backup: a prune goes on, and nothing takes the place of a backup. */
import { describe, expect, test } from "bun:test";
import { BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { keys } from "../../../core/format/keys/keys.ts";
import { attack } from "../../support/attack.ts";
import { day, type Rig } from "../archive/rig.ts";
import { expectPruned, forged, keyAt, oldAndNew } from "./forgery.ts";
import { pruneRig } from "./support.ts";

const notBackups: readonly (readonly [name: string, key: (rig: Rig) => string, body: Uint8Array | string])[] = [
  ["four bytes", keyAt, "junk"],
  ["a zstd frame of something else", keyAt, Bun.zstdCompressSync(Buffer.from('{"a":1}\n'))],
  ["the time 99999999T999999Z", () => "manifests/host/99999999T999999Z-00000000.jsonl.zst", "junk"],
  ["the time 99991231T235959Z", () => "manifests/host/99991231T235959Z-00000000.jsonl.zst", "junk"],
  ["a suffix as of sealed objects", (rig) => `${keyAt(rig)}.age`, "junk"],
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

  for (const kind of ["frozen", "denied", "other"] as const) {
    attack(
      {
        by: "W",
        what: "an index object that the bucket moved to an archive tier, or encrypted with a key of the attacker's, before `prune`",
        before: "prune ended at it once its lock was over, each time",
        now: "it is kept, and all others are pruned",
      },
      async () => {
        await using sample = await oldAndNew();
        const { rig } = sample;
        const key = keys.index("host", { start: new Date(rig.now().getTime() - 90 * day), run: "0000000a" });
        const until = new Date(rig.now().getTime() + day);
        await rig.bucket.put(key, Buffer.from("junk"), { retention: { mode: "GOVERNANCE", until } });
        rig.ahead += 2 * day;
        const bucket = wrapBucket(rig.bucket, {
          get: (wanted, options) => {
            if (wanted === key) throw new BucketError(kind, { doing: "read", what: key, why: "it is so" });
            return rig.bucket.get(wanted, options);
          },
        });
        await expectPruned(sample, await pruneRig(rig, { last: 1 }, { bucket }));
        expect(await rig.keys("index/")).toContain(key);
        await pruneRig(rig, { last: 1 });
        expect(await rig.keys("index/")).not.toContain(key);
      },
      { variant: kind },
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
