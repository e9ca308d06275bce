/** Bytes that change on the way: what seems to be damaged is read a second time, and only once more. */
import { describe, expect, test } from "bun:test";
import type { Bucket } from "../../core/bucket/contract.ts";
import { wrapBucket } from "../../core/bucket/wrap.ts";
import { readManifest } from "../../core/manifest/read.ts";
import { Fixture, file, folder, noise } from "./support.ts";
import { everything, verified } from "./verify/plant.ts";

const MiB = 1024 * 1024;
const now = () => new Date("2026-11-21T03:00:00Z");

/** A bucket of which the first `bad` gets of an object give other bytes, and how many gets of content there were. */
function unreliable(bucket: Bucket, bad: number) {
  const seen = new Map<string, number>();
  const get: Bucket["get"] = async function* (key, options) {
    const times = (seen.get(key) ?? 0) + 1;
    seen.set(key, times);
    for await (const bytes of bucket.get(key, options)) yield times > bad ? bytes : bytes.map((byte) => byte ^ 1);
  };
  return { bucket: wrapBucket(bucket, { get }), gets: () => [...seen.values()].reduce((sum, times) => sum + times, 0) };
}

const items = [
  folder("/"),
  file("/a", [noise(MiB), noise(MiB)]),
  file("/b", "b"),
  file("/c", [noise(5 * MiB)]),
  file("/d", "d"),
];

const kinds = [
  ["packs of one frame", { perFrame: 100 }],
  ["packs of many frames", { perFrame: 1 }],
  ["objects", { encoding: "gzip" }],
  ["plain objects", { encoding: "none" }],
] as const;

describe("bytes that change on the way once", () => {
  test.each(kinds)("bytes that change on the way once cost nothing: %s", async (_, options) => {
    await using fixture = await Fixture.open();
    const snapshots = [await fixture.snapshot("db", "dump")];
    const backup = await fixture.backup(items, { ...options, snapshots });
    const { bucket } = unreliable(fixture.bucket, 1);
    const manifest = await readManifest(bucket, { key: backup.key });
    const figures = await fixture.restore({ manifest }, { bucket, snapshots: "fetch" });
    expect(figures).toMatchObject({ files: 4, errors: 0, damaged: 0, snapshotsFetched: 1 });
    expect(await fixture.read("/sysbackup-snapshots/db")).toBe("dump");
    expect(fixture.complaints).toEqual([]);
    expect(await fixture.restore(backup)).toMatchObject({ unchanged: 4 });
  });

  // The records of this fixture do not say that an object is compressed.
  const plain = kinds.filter(([name]) => name !== "objects");
  test.each(plain)("verify takes bytes that change on the way once for no damage: %s", async (_, options) => {
    await using fixture = await Fixture.open();
    await fixture.backup(items, { ...options, snapshots: [await fixture.snapshot("db", "dump")] });
    const { bucket } = unreliable(fixture.bucket, 1);
    expect(await verified({ bucket, now, name: "test", read: everything })).toMatchObject({
      state: "restorable",
      findings: [],
    });
  });
});

describe("bytes that are wrong twice", () => {
  test.each(kinds)("bytes that are wrong twice are damage, and are not read more often: %s", async (_, options) => {
    await using fixture = await Fixture.open();
    const backup = await fixture.backup(items, options);
    const sound = unreliable(fixture.bucket, 0);
    await fixture.restore(backup, { bucket: sound.bucket });
    await using other = await Fixture.open();
    const same = await other.backup(items, options);
    const { bucket, gets } = unreliable(other.bucket, Number.POSITIVE_INFINITY);
    const { manifest } = same;
    const readable: Bucket["get"] = (key, given) =>
      key.startsWith("manifests/") ? other.bucket.get(key, given) : bucket.get(key, given);
    const figures = await other.restore({ manifest }, { bucket: { get: readable } });
    expect(figures.damaged).toBe(4);
    // Each frame is read alone the second time.
    expect(gets()).toBeLessThanOrEqual(sound.gets() + 5);
  });
});
