/** Prune and renew against a server's own locks and delete markers. Locks of seconds, so that they expire within a test. */
import { describe, expect, test } from "bun:test";
import { unlink } from "node:fs/promises";
import { DeleteObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { archive } from "../../../core/archive/archive.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { encodeManifest, type ManifestHeader } from "../../../core/format/manifest/manifest.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import type { Notice } from "../../../core/notice.ts";
import { type PruneBucket, withoutRemovals } from "../../../core/steward/prune.ts";
import { attack } from "../../support/attack.ts";
import { type CephAddress, ceph, clientConfig, newBucket } from "../../support/services.ts";
import { readBackup } from "../archive/backup.ts";
import { noise } from "../archive/noise.ts";
import { Rig } from "../archive/rig.ts";
import { notebook } from "../archive/scripts.ts";
import { openWithKeys } from "../bucket/open-with-keys.ts";
import { pruneRig, renewRig } from "./support.ts";

const content = noise(50_000, 2);
const newerRoot = Bun.zstdCompressSync(Buffer.from('{"format":"sysbackup-manifest","version":9}\n'));
/** Enough for what must come before their end, on a busy machine too. */
const seconds = 12;

/** The bucket, but what is put is locked for some seconds only, except for the proof that it keeps locks. */
function lockingShortly(bucket: Bucket): Bucket {
  return wrapBucket(bucket, {
    put: (key, body, options) => {
      if (key.endsWith("-lock-proof")) return bucket.put(key, body, options);
      const retention = { ...options.retention, until: new Date(Date.now() + seconds * 1000) };
      return bucket.put(key, body, { ...options, retention });
    },
  });
}

/** Answers as if each lock came just after the look at it: S3 has the last word. */
function withoutLocks(bucket: Bucket): PruneBucket {
  return {
    ...withoutRemovals(bucket),
    retention: async () => undefined,
    remove: (key, version) => bucket.remove(key, version),
  };
}

async function versionsOf(bucket: Bucket): Promise<string[]> {
  return (await Array.fromAsync(bucket.listVersions(""))).flat().map(({ key, version }) => `${key} ${version}`);
}

async function sample(service: CephAddress) {
  const rig = await Rig.make();
  const name = await newBucket(service, { lock: true });
  const bucket = await openWithKeys(service, name);
  const { notify } = notebook();
  await rig.write("old", noise(50_000, 1));
  const older = await archive(rig.job(notify, lockingShortly(bucket)));
  const expired = Bun.sleep(seconds * 1000 + 1500);
  await unlink(rig.file("old"));
  await rig.write("new", content);
  const newer = await archive(rig.job(notify, bucket));
  const dispose = async () => {
    await bucket.close();
    await rig[Symbol.asyncDispose]();
  };
  return { rig, name, bucket, older, newer, expired, [Symbol.asyncDispose]: dispose };
}

describe.skipIf(ceph === undefined)("on Ceph", () => {
  const service = ceph as CephAddress;

  test("a prune leaves what is locked, removes it when the lock has expired, and delete markers with it", async () => {
    await using set = await sample(service);
    const { rig, name, bucket, older, newer } = set;
    const now = () => new Date();
    const before = await versionsOf(bucket);

    const locked = await pruneRig(rig, { last: 1 }, { bucket, now });
    expect(locked.backups.map(({ fate }) => fate)).toEqual(["kept", "locked"]);
    expect(locked.of("removed")).toEqual({});
    expect(locked.tally.lockedUntil?.getTime()).toBeGreaterThan(Date.now());

    const refused = await pruneRig(rig, { last: 1 }, { bucket: withoutLocks(bucket), now });
    expect(refused.of("removed")).toEqual({});
    expect(refused.of("locked")).toMatchObject({ root: 1 });
    expect(refused.of("refused")).toEqual({});
    expect(refused.heard).toEqual([]);
    expect(await versionsOf(bucket)).toEqual(before);

    await set.expired;
    const client = new S3Client(clientConfig(service));
    for (const Key of [older.key, newer.key]) await client.send(new DeleteObjectCommand({ Bucket: name, Key }));
    const pruned = await pruneRig(rig, { last: 1 }, { bucket, now });
    expect(pruned.backups.map(({ fate }) => fate)).toEqual(["kept", "removed"]);
    expect(pruned.of("removed")).toMatchObject({ root: 1, pack: 1, index: 1 });
    expect(pruned.tally.markers).toBe(1);
    const left = await versionsOf(bucket);
    expect(left.filter((one) => one.startsWith(older.key))).toEqual([]);
    expect(left.filter((one) => one.startsWith(newer.key))).toHaveLength(2); // the root, and the marker over it
    const backup = await readBackup(bucket, newer.key, newer.version);
    expect((await backup.read(rig.file("new"))).equals(content)).toBe(true);
  });

  test("a renewed backup is refused to prunes and to everyone else", async () => {
    await using set = await sample(service);
    const { rig, bucket, older } = set;
    const renewed = await renewRig(rig, { last: 2 }, { bucket, days: 1 });
    expect(renewed).toMatchObject({ backups: 2, damaged: 0, refused: 0, heard: [] });
    expect(renewed.extended).toBeGreaterThan(2);
    await set.expired;
    expect(await bucket.remove(older.key, older.version).catch(String)).toContain("it is locked until");
    const pruned = await pruneRig(rig, { last: 1 }, { bucket, now: () => new Date() });
    expect(pruned.of("removed").root).toBeUndefined();
    expect(pruned.of("removed").pack).toBeUndefined();
  });

  attack(
    {
      by: "H",
      what: "a root that names a part at whose key the server fails, with an error of its own",
      before: "the server seemed to be down: prune, renew and verify --all ended, for all names",
      now: "asked for something else, it answers: what may be needed is held back, and all else goes on",
    },
    async () => {
      await using set = await sample(service);
      const { rig, bucket, newer } = set;
      const { manifest } = await readBackup(bucket, newer.key, newer.version);
      const started = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
      const header = { ...manifest.header, name: "thief", run: "00000000", started };
      const parts = manifest.parts.map((part) => ({ ...part, key: `manifests/${"t".repeat(900)}` }));
      const root = Bun.zstdCompressSync(encodeManifest({ ...manifest, header, parts }));
      const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 60_000) } as const;
      const stamp = started.replace(/[-:]|\.\d+/g, "");
      await bucket.put(`manifests/thief/${stamp}-00000000.jsonl.zst`, root, { retention });
      expect(await bucket.retention(parts[0]?.key ?? "", "v").catch((error) => error.kind)).toBe("other");
      const pruned = await pruneRig(rig, { last: 1 }, { bucket, now: () => new Date() });
      expect(pruned.heard[0]).toContain('to give it up, add --give-up "thief"');
      expect(pruned.backups).toHaveLength(3);
    },
  );

  attack(
    {
      by: "W",
      what: "junk, false dates, a newer format and a version laid over a root, on a server",
      before: "`restore web1` failed or took the false one; prune removed nothing",
      now: "the server's dates decide, and prune goes on",
    },
    async () => {
      await using set = await sample(service);
      const { rig, bucket, older, newer } = set;
      const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 60_000) } as const;
      const put = (key: string, body: Uint8Array | string) => bucket.put(key, Buffer.from(body), { retention });
      const dated = (stamp: string, change: (header: ManifestHeader) => ManifestHeader) => {
        const { header, ...rest } = backup.manifest;
        const forged = encodeManifest({ ...rest, header: change(header) });
        return put(`manifests/host/${stamp}-00000000.jsonl.zst`, Bun.zstdCompressSync(forged));
      };
      const backup = await readBackup(bucket, newer.key, newer.version);
      const future = await dated("20990101T000000Z", (header) => {
        return { ...header, run: "00000000", started: "2099-01-01T00:00:00.000Z" };
      });
      await dated("20260101T000000Z", (header) => ({ ...header, name: "other" }));
      await put("manifests/host/99999999T999999Z-00000000.jsonl.zst", "junk");
      await put(older.key, "laid over, and stored last");

      const heard: string[] = [];
      const now = () => bucket.serverTime() ?? new Date();
      const tools = { now, notify: ({ code }: Notice) => heard.push(code) };
      expect(await findManifest(bucket, "host", tools)).toMatchObject({ key: newer.key });
      expect(heard).toEqual(["backup-passed-over", "backup-passed-over", "backup-passed-over"]);
      expect(await findManifest(bucket, "host@20990101T000000Z", tools)).toMatchObject({ key: future.key });
      expect(heard.at(-1)).toBe("backup-dates");
      const [listed] = (await Array.fromAsync(bucket.listVersions(newer.key))).flat();
      expect(Math.abs((listed?.stored.getTime() ?? 0) - Date.now())).toBeLessThan(120_000);

      await set.expired;
      const rules = { last: 1 };
      const pruned = await pruneRig(rig, rules, { bucket, now: () => new Date() });
      const fates = new Map(pruned.backups.map(({ key, fate }) => [key, fate]));
      expect(fates.get(newer.key)).toBe("kept");
      // The version over it is locked for a minute.
      expect(fates.get(older.key)).toBe("locked");
      expect(pruned).toMatchObject({ unreadable: 2, holding: 0 });
      await put("manifests/thief/20260101T000000Z-00000000.jsonl.zst", newerRoot);
      const held = await pruneRig(rig, rules, { bucket, now: () => new Date() });
      expect(held.heard.join("\n")).toContain('--give-up "thief"');
      expect((await readBackup(bucket, newer.key, newer.version)).manifest).toEqual(backup.manifest);
    },
  );
});
