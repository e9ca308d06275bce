/** Dumps in the layout `packs`: what is stored of them night after night, and what a run does that meets trouble. */
import { describe, expect, test } from "bun:test";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { isWhole } from "../../../core/format/manifest/manifest.ts";
import { dumpOf } from "../../../restore/dumps/dump-content.ts";
import { everything, verified } from "../../restore/verify/plant.ts";
import { noise } from "./noise.ts";
import { day, Rig, type RigRun } from "./rig.ts";
import { script } from "./scripts.ts";

const MiB = 1024 ** 2;

/** A snapshotter that dumps the file `database` of the rig, and its content. */
async function withDump(rig: Rig, content: Uint8Array, name = "db", more = ""): Promise<void> {
  await writeFile(join(rig.path, `${name}.database`), content);
  const body = `echo '::restore-through:: cat'\ncat '${rig.path}/${name}.database' >&"$1"\n${more}`;
  await script(join(rig.path, "snapshots.d"), name, body);
}

async function readDump(rig: Rig, { backup }: RigRun, name = "db"): Promise<Buffer> {
  const snapshot = backup.manifest.snapshots.find(({ snapshotter }) => snapshotter === name);
  if (snapshot === undefined) throw new Error(`no dump ${name}`);
  const pieces = dumpOf(snapshot, { bucket: rig.bucket, manifest: backup.manifest });
  // Each is good until the next is asked for.
  return Buffer.concat(await Array.fromAsync(pieces, (piece) => Buffer.from(piece)));
}

const damaged = async (rig: Rig) =>
  verified({ bucket: rig.bucket, now: rig.now, name: "host", read: everything }).then(({ state }) => state);

describe("a dump in chunks", () => {
  test("only what changed of a dump is stored, and both nights are whole", async () => {
    await using rig = await Rig.make();
    const first = noise(8 * MiB);
    const second = Buffer.concat([
      first.subarray(0, 3 * MiB),
      Buffer.from("inserted"),
      first.subarray(3 * MiB),
      noise(1000, 7),
    ]);
    await withDump(rig, first);
    const one = await rig.run();
    expect(one.summary.bytesStored).toBeGreaterThan(8 * MiB);
    expect(one.backup.manifest.snapshots).toMatchObject([
      { snapshotter: "db", dump_size: 8 * MiB, restore_through: "cat", exit: 0 },
    ]);
    await withDump(rig, second);
    const two = await rig.run();
    expect(two.summary.bytesStored).toBeLessThan(MiB);
    expect((await readDump(rig, one)).equals(first)).toBe(true);
    expect((await readDump(rig, two)).equals(second)).toBe(true);
    expect(await rig.keys("snapshots/")).toEqual([]);
    expect(await damaged(rig)).toBe("restorable");
  });

  test("nothing of an unchanged dump is stored", async () => {
    await using rig = await Rig.make();
    await withDump(rig, noise(MiB));
    const one = await rig.run();
    const two = await rig.run();
    expect(two.summary.objectsStored).toBe(0);
    expect(two.backup.manifest.dumps).toEqual(one.backup.manifest.dumps);
    // The root, and the part of the files if others have made something in a folder above the test.
    const before = new Set(one.backup.manifest.parts.map(({ key }) => key));
    const changed = two.backup.manifest.parts.filter(({ key }) => !before.has(key));
    expect(two.counts.put).toBe(1 + changed.length);
  });

  test("after the loss of the state, nothing of a dump is stored again", async () => {
    await using rig = await Rig.make();
    await withDump(rig, noise(5 * MiB));
    await rig.run();
    await rm(rig.statePath());
    const { summary, backup } = await rig.run();
    expect(summary.bytesStored).toBeLessThan(10_000);
    expect(await damaged(rig)).toBe("restorable");
    expect(backup.manifest.snapshots).toHaveLength(1);
  });

  test("a dump that rests on what the index claims and the bucket has not is taken again in the same run", async () => {
    await using rig = await Rig.make();
    const content = noise(5 * MiB);
    await withDump(rig, content);
    await rig.run();
    await rm(rig.statePath());
    for (const key of await rig.keys("packs/")) await rm(join(rig.path, "bucket", key));
    const run = await rig.run();
    expect(run.heard.join("\n")).toContain("warning claim-untrue");
    expect((await readDump(rig, run)).equals(content)).toBe(true);
  });

  test("a dump whose pack is gone when its lock is to be extended is taken again in the same run", async () => {
    await using rig = await Rig.make();
    const content = noise(5 * MiB);
    await withDump(rig, content);
    await rig.run();
    rig.ahead += 10 * day;
    for (const key of await rig.keys("packs/")) await rm(join(rig.path, "bucket", key));
    const run = await rig.run();
    expect(run.heard.join("\n")).toContain("warning not-extended");
    expect((await readDump(rig, run)).equals(content)).toBe(true);
    expect(run.summary.retainUntil.getTime()).toBeGreaterThan(rig.now().getTime() + 29 * day);
    expect((await rig.run()).summary.objectsStored).toBe(0);
  });

  test("a pack of which the dumps use too little is repacked instead of extended, and what they use is extended", async () => {
    await using rig = await Rig.make();
    const content = noise(10 * MiB);
    await withDump(rig, content);
    await rig.run();
    const old = await rig.keys("packs/");
    await withDump(rig, content.subarray(0, 3 * MiB));
    await rig.run();
    rig.ahead += 10 * day;
    const run = await rig.run();
    expect(run.heard.join("\n")).toContain("info repacked: 2 packs");
    expect(run.summary.bytesStored).toBeGreaterThan(2 * MiB);
    const lockOf = async (key: string) => (await rig.bucket.head(key))?.retention?.until.getTime() ?? 0;
    const promise = new Date(run.backup.manifest.header.retain_until).getTime();
    const packs = await rig.keys("packs/");
    const locks = await Promise.all(packs.map(lockOf));
    const locked = packs.filter((_, number) => (locks[number] ?? 0) >= promise);
    expect(locked).toHaveLength(1);
    expect(old).not.toContain(locked[0] ?? "");
    expect((await readDump(rig, run)).equals(content.subarray(0, 3 * MiB))).toBe(true);
    expect(await damaged(rig)).toBe("restorable");
  });

  test("locks of what a dump needs reach the promise, night after night", async () => {
    await using rig = await Rig.make();
    await withDump(rig, noise(2 * MiB));
    for (let night = 0; night < 12; night += 4) {
      await rig.run();
      expect(await damaged(rig)).toBe("restorable");
      rig.ahead += 4 * day;
    }
  });

  test("a failed snapshotter's dump is kept and marked; one that dumped nothing, or is gone, leaves nothing", async () => {
    await using rig = await Rig.make();
    await withDump(rig, noise(MiB));
    await withDump(rig, noise(MiB, 1), "other");
    await rig.run();
    await withDump(rig, Buffer.from("part"), "db", "exit 3");
    await rm(join(rig.path, "snapshots.d", "other"));
    const failed = await rig.run();
    expect(failed.backup.manifest.snapshots).toMatchObject([{ snapshotter: "db", exit: 3, dump_size: 4 }]);
    expect(failed.backup.manifest.dumps).toMatchObject([{ entries: 1, bytes: 4 }]);
    expect((await readDump(rig, failed)).toString()).toBe("part");
    await script(join(rig.path, "snapshots.d"), "db", "exit 4");
    const nothing = await rig.run();
    expect(nothing.backup.manifest).toMatchObject({ snapshots: [] });
    expect(nothing.backup.manifest.dumps).toBeUndefined();
  });

  test("a machine may change the layout: dumps of either kind stay readable", async () => {
    await using rig = await Rig.make();
    const content = noise(MiB);
    await withDump(rig, content);
    const before = await rig.run({ content: { layout: "objects" } });
    const after = await rig.run();
    const again = await rig.run({ content: { layout: "objects" } });
    const kinds = [before, after, again].map(({ backup }) => backup.manifest.snapshots.map(isWhole));
    expect(kinds).toEqual([[true], [false], [true]]);
    expect(again.backup.manifest.dumps).toBeUndefined();
    for (const run of [before, after, again]) expect((await readDump(rig, run)).equals(content)).toBe(true);
    expect(await damaged(rig)).toBe("restorable");
  });

  test("a bucket that refuses the pack of a dump costs that dump, and no other", async () => {
    await using rig = await Rig.make();
    await withDump(rig, noise(MiB), "bad");
    await withDump(rig, noise(MiB, 1), "good");
    let puts = 0;
    const run = await rig.run({
      around: (bucket) =>
        wrapBucket(bucket, {
          put: async (key, ...rest) => {
            if (!key.startsWith("packs/")) return bucket.put(key, ...rest);
            puts += 1;
            if (puts === 1) throw new BucketError("denied", { doing: "store", what: key, why: "it is so" });
            return bucket.put(key, ...rest);
          },
        }),
    });
    expect(run.heard.join("\n")).toContain('error snapshot-not-stored: snapshotter "bad" was ended');
    expect(run.backup.manifest.snapshots.map(({ snapshotter }) => snapshotter)).toEqual(["good"]);
    expect((await readDump(rig, run, "good")).length).toBe(MiB);
    expect(await damaged(rig)).toBe("restorable");
    expect((await rig.run()).backup.manifest.snapshots).toHaveLength(2);
  });
});
