import { describe, expect, test } from "bun:test";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Bucket, BucketError, type ListedVersion } from "../../../core/bucket/contract.ts";
import { exitStatus } from "../../../core/failure.ts";
import { withoutRemovals } from "../../../core/steward/prune.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig, type RunOptions } from "../archive/rig.ts";
import { script } from "../archive/scripts.ts";
import { isWhole, pruneRig } from "./support.ts";

const first = noise(50_000, 1);
const second = noise(50_000, 2);
const retention = (rig: Rig, days: number) => ({
  retention: { mode: "GOVERNANCE", until: new Date(rig.now().getTime() + days * day) } as const,
});

/** Two backups with a pack of files and one of dumps each; those of the second one are extended, those of the first one have expired. */
async function oldAndNew(content: RunOptions["content"] = {}) {
  const rig = await Rig.make();
  const database = join(rig.path, "database");
  await script(join(rig.path, "snapshots.d"), "db", `cat '${database}' >&"$1"`);
  await rig.write("file", first);
  await writeFile(database, "first dump");
  const older = await rig.run({ content });
  rig.ahead += 30 * day;
  await rig.write("file", second);
  await writeFile(database, "second dump");
  const newer = await rig.run({ content });
  rig.ahead += 8 * day;
  return { rig, older, newer, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

async function allKeys(rig: Rig): Promise<string[]> {
  return (await Array.fromAsync(rig.bucket.listVersions(""))).flat().map(({ key, version }) => `${key} ${version}`);
}

describe("a prune", () => {
  test("a prune removes a backup that no rule keeps and what it alone needed, and nothing else", async () => {
    await using set = await oldAndNew();
    const { rig, older, newer } = set;
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.backups).toMatchObject([
      { key: newer.summary.key, fate: "kept", reasons: ["last"] },
      { key: older.summary.key, fate: "removed", reasons: [] },
    ]);
    expect(pruned.of("removed")).toEqual({ root: 1, part: 2, pack: 2, index: 1 });
    expect(pruned.of("locked")).toEqual({});
    expect(pruned.of("kept")).toMatchObject({ root: 1, part: 2, pack: 2, index: 1 });
    expect(pruned.heard).toEqual([]);
    expect(await isWhole(rig, newer, { file: second })).toBe(true);
    expect((await allKeys(rig)).join("\n")).not.toContain(older.summary.key);
    // Done once, done for good.
    expect((await pruneRig(rig, { last: 1 })).of("removed")).toEqual({});
    // The host goes on with its state as if nothing had been.
    const next = await rig.run();
    expect(next.heard).toEqual([]);
    expect(next.summary.objectsStored).toBe(0);
  });

  test("a prune removes dumps that are objects of their own with their backup", async () => {
    await using set = await oldAndNew({ layout: "objects" });
    const pruned = await pruneRig(set.rig, { last: 1 });
    expect(pruned.of("removed")).toMatchObject({ root: 1, part: 1, snapshot: 1 });
    expect(pruned.of("kept")).toMatchObject({ root: 1, part: 1, snapshot: 1 });
  });

  test("a prune leaves what is locked, with all that a locked root needs, and says until when", async () => {
    await using set = await oldAndNew();
    const { rig, older, newer } = set;
    rig.ahead -= 3 * day; // Day 35: the promise of the first is over, its root locked till day 37.
    const [part] = older.backup.manifest.parts;
    if (part === undefined) throw new Error("no part");
    const before = await allKeys(rig);
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.backups[1]).toMatchObject({ key: older.summary.key, fate: "locked" });
    expect(pruned.of("removed")).toEqual({});
    expect(pruned.of("locked")).toMatchObject({ root: 1 });
    expect(pruned.tally.lockedUntil?.getTime()).toBeWithin(
      older.summary.started.getTime() + 37 * day - 1,
      newer.summary.started.getTime() + 37 * day + 1,
    );
    expect(await allKeys(rig)).toEqual(before);
    expect(await isWhole(rig, older, { file: first })).toBe(true);
  });

  test("all that a locked root needs is kept, though its other objects are unlocked by now", async () => {
    await using set = await oldAndNew();
    const { rig, older } = set;
    const { key, version } = older.summary;
    await rig.bucket.extend(key, version, retention(rig, 1).retention);
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.of("removed")).toEqual({});
    expect(pruned.of("locked")).toEqual({ root: 1 });
    expect(await isWhole(rig, older, { file: first })).toBe(true);
  });

  test("a prune of one name leaves the backups of others alone, and what they share", async () => {
    await using rig = await Rig.make();
    await rig.write("file", first);
    for (const name of ["a", "b"]) await rig.run({ name, content: { shareWith: ["a"] } });
    rig.ahead += 40 * day;
    await rig.write("file", second);
    const keptOfA = await rig.run({ name: "a" });
    const pruned = await pruneRig(rig, { last: 1 }, { name: "a" });
    expect(pruned.backups.map(({ name, fate }) => [name, fate])).toEqual([
      ["a", "kept"],
      ["a", "removed"],
    ]);
    expect(pruned.of("removed")).toMatchObject({ root: 1 });
    // The pack of the first content is needed by b.
    expect(pruned.of("removed").pack).toBeUndefined();
    expect(await isWhole(rig, keptOfA, { file: second })).toBe(true);
    expect((await pruneRig(rig, { last: 1 })).of("removed")).toEqual({});
  });

  test("a prune of a name that has no backups fails as `list` of it does", async () => {
    await using set = await oldAndNew();
    const message = 'cannot find a backup of "hots": the bucket has backups of host; did you mean "host"?';
    const pruned = pruneRig(set.rig, { last: 1 }, { name: "hots" });
    await expect(pruned).rejects.toMatchObject({ message, exit: exitStatus.failed });
  });

  test("a dry run reports the same as a prune and changes nothing", async () => {
    await using set = await oldAndNew();
    const { rig } = set;
    const before = await allKeys(rig);
    const dry = await pruneRig(rig, { last: 1 }, { bucket: withoutRemovals(rig.bucket) });
    expect(await allKeys(rig)).toEqual(before);
    const real = await pruneRig(rig, { last: 1 });
    expect(dry.tally.rows()).toEqual(real.tally.rows());
    expect(dry.backups).toEqual(real.backups);
    expect(real.tally.total("removed").objects).toBeGreaterThan(3);
    expect((await allKeys(rig)).length).toBe(before.length - real.tally.total("removed").objects);
  });

  test("a prune removes versions that no manifest names, also of keys that are needed", async () => {
    await using set = await oldAndNew();
    const { rig, newer } = set;
    const [pack] = newer.backup.objectsOf(rig.file("file"));
    if (pack === undefined) throw new Error("no pack");
    await rig.bucket.put(pack.key, Buffer.from("laid over"), retention(rig, 1));
    expect((await pruneRig(rig, { last: 1 })).of("locked")).toEqual({ pack: 1 });
    rig.ahead += 2 * day;
    expect((await pruneRig(rig, { last: 1 })).of("removed")).toEqual({ pack: 1 });
    expect(await isWhole(rig, newer, { file: second })).toBe(true);
  });

  test("a prune leaves alone what sysbackup did not put", async () => {
    await using set = await oldAndNew();
    const { rig } = set;
    const foreign = ["packs/notes.txt", "content/mine", "snapshots/readme", "other/x", "index/x/y"];
    for (const key of foreign) await rig.bucket.put(key, Buffer.from("x"), retention(rig, 1));
    rig.ahead += 2 * day;
    await pruneRig(rig, { last: 1 });
    const left = await rig.keys();
    expect(foreign.filter((key) => left.includes(key))).toEqual(foreign);
  });

  test("a prune goes on after an object that may not be removed, and counts it", async () => {
    await using set = await oldAndNew();
    const { rig } = set;
    const refusing = (kind: "denied" | "locked") => ({
      ...withoutRemovals(rig.bucket),
      remove: (key: string, version: string) =>
        key.startsWith("packs/")
          ? Promise.reject(new BucketError(kind, { doing: "remove", what: key, why: "it is refused" }))
          : rig.bucket.remove(key, version),
    });
    const denied = await pruneRig(rig, { last: 1 }, { bucket: refusing("denied") });
    expect(denied.of("refused")).toEqual({ pack: 2 });
    expect(denied.heard).toEqual([
      expect.stringMatching(/^warning not-removed: cannot remove "packs\/.*": it is refused$/),
      expect.stringMatching(/^warning not-removed: cannot remove "packs\/.*": it is refused$/),
    ]);
    const held = await pruneRig(rig, { last: 1 }, { bucket: refusing("locked") });
    expect(held.of("locked")).toEqual({ pack: 2 });
    expect(held.tally.lockedUntil).toBeUndefined();
  });

  test("a prune removes nothing whose lock it may not see", async () => {
    await using set = await oldAndNew();
    const { rig } = set;
    const before = await rig.keys();
    const blind = {
      ...withoutRemovals(rig.bucket),
      remove: (key: string, version: string) => rig.bucket.remove(key, version),
      retention: (key: string) =>
        Promise.reject(new BucketError("denied", { doing: "look up the lock of", what: key, why: "access denied" })),
    };
    const pruned = await pruneRig(rig, { last: 1 }, { bucket: blind });
    expect(pruned.of("removed")).toEqual({});
    expect(pruned.of("refused").root).toBe(1);
    expect(pruned.heard[0]).toMatch(/^warning not-removed: cannot look up the lock of ".*": access denied$/);
    expect(await rig.keys()).toEqual(before);
  });

  test("a prune that loses the bucket ends, and the next one completes", async () => {
    await using set = await oldAndNew();
    const { rig, newer } = set;
    let removals = 0;
    const breaking = {
      ...withoutRemovals(rig.bucket),
      remove: async (key: string, version: string) => {
        removals += 1;
        if (removals > 1) throw new BucketError("unreachable", { doing: "remove", what: key, why: "gone" });
        await rig.bucket.remove(key, version);
      },
    };
    expect(await pruneRig(rig, { last: 1 }, { bucket: breaking }).catch(String)).toContain("gone");
    expect((await pruneRig(rig, { last: 1 })).of("removed")).toMatchObject({ pack: 2, index: 1 });
    expect(await isWhole(rig, newer, { file: second })).toBe(true);
  });
});

describe("delete markers", () => {
  /** Lays a marker over a key in listings; the directory bucket has none of its own. */
  function hiding(bucket: Bucket, key: string) {
    const removed: string[] = [];
    const marker = { key, version: "marker", size: 0, stored: new Date(), latest: true, deleteMarker: true };
    async function* listed(prefix: string): AsyncGenerator<readonly ListedVersion[]> {
      for await (const page of bucket.listVersions(prefix)) {
        const hidden = page.map((one) => (one.key === key ? { ...one, latest: false } : one));
        const at = hidden.findIndex((one) => one.key === key);
        yield at < 0 ? hidden : hidden.toSpliced(at, 0, marker);
      }
    }
    const remove = async (of: string, version: string) => {
      removed.push(`${of} ${version}`);
      if (version !== "marker") await bucket.remove(of, version);
    };
    return { bucket: { ...withoutRemovals(bucket), listVersions: listed, remove }, removed };
  }

  test("delete markers over a kept root hide nothing from the policy, and stay", async () => {
    await using set = await oldAndNew();
    const { key } = set.newer.summary;
    const { bucket, removed } = hiding(set.rig.bucket, key);
    const pruned = await pruneRig(set.rig, { last: 1 }, { bucket });
    expect(pruned.backups[0]).toMatchObject({ key, fate: "kept" });
    expect(removed.filter((one) => one.startsWith(key))).toEqual([]);
    expect(await isWhole(set.rig, set.newer, { file: second })).toBe(true);
  });

  test("delete markers go after the last version under them", async () => {
    await using set = await oldAndNew();
    const { key, version } = set.older.summary;
    const { bucket, removed } = hiding(set.rig.bucket, key);
    const pruned = await pruneRig(set.rig, { last: 1 }, { bucket });
    expect(removed.filter((one) => one.startsWith(key))).toEqual([`${key} ${version}`, `${key} marker`]);
    expect(pruned.tally.markers).toBe(1);
  });

  test("delete markers stay over what is locked", async () => {
    await using set = await oldAndNew();
    const { key, version } = set.older.summary;
    await set.rig.bucket.extend(key, version, retention(set.rig, 1).retention);
    const { bucket, removed } = hiding(set.rig.bucket, key);
    await pruneRig(set.rig, { last: 1 }, { bucket });
    expect(removed).toEqual([]);
  });
});

describe("index objects", () => {
  test("an index object stays while a pack that it lists exists, so that a host without state finds it", async () => {
    await using rig = await Rig.make();
    await rig.write("file", first);
    await rig.run();
    for (let week = 0; week < 8; week += 1) {
      rig.ahead += 8 * day;
      await rig.write("other", noise(1000, week));
      await rig.run();
    }
    const pruned = await pruneRig(rig, { last: 1 });
    expect(pruned.of("removed").pack).toBeGreaterThan(0);
    await rm(rig.statePath());
    const again = await rig.run();
    expect(again.summary.objectsStored).toBe(0);
    expect(again.heard).toEqual([]);
  });

  test("all index objects of a name without backups go", async () => {
    await using rig = await Rig.make();
    await rig.write("file", first);
    const run = await rig.run();
    rig.ahead += 40 * day;
    await rig.bucket.remove(run.summary.key, run.summary.version);
    expect((await pruneRig(rig, { last: 1 })).of("kept")).toEqual({});
    expect(await rig.keys()).toEqual([]);
  });
});
