/** A filter over whole objects, added to the table and named in a job: nothing else knows of it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { archive } from "../../core/archive/archive.ts";
import type { Bucket } from "../../core/bucket/contract.ts";
import { count, noCounts } from "../../core/bucket/decorators/count.ts";
import { addFilter } from "../../core/format/codecs/codec.ts";
import type { ByteStream } from "../../core/format/codecs/zlib.ts";
import { altered } from "../../core/format/error.ts";
import { isWhole } from "../../core/format/manifest/manifest.ts";
import { findManifest } from "../../core/manifest/find.ts";
import { listBackups } from "../../core/manifest/list.ts";
import { openManifest } from "../../core/manifest/open.ts";
import { walkParts } from "../../core/manifest/walk.ts";
import type { Notice } from "../../core/notice.ts";
import { prune } from "../../core/steward/prune.ts";
import { writeTar } from "../../restore/browse/tar.ts";
import { Report } from "../../restore/report/report.ts";
import { restore } from "../../restore/restore.ts";
import { noise as differing } from "../core/archive/noise.ts";
import { factsOf, loseIndex, loseState, rebuild } from "../core/archive/rebuild-index/support.ts";
import { Rig, type RunOptions } from "../core/archive/rig.ts";
import { notebook, script } from "../core/archive/scripts.ts";
import { toyFilter } from "../support/toy-filter.ts";
import { flipped, noise } from "./support.ts";
import { change, everything, verified as looked } from "./verify/plant.ts";

let added: Disposable;
beforeAll(() => {
  added = addFilter(toyFilter);
});
afterAll(() => added[Symbol.dispose]());

const signal = new AbortController().signal;
const filters = ["toy"];
/** Is in every object that holds it, unless a filter is over it. */
const secret = "what nobody is to read ".repeat(20);
/** Content of its own pack, and a large file that is written while it is read. */
const large = Buffer.concat([noise(3_000_000), Buffer.from(secret), noise(3_000_000)]);

const layouts: readonly (readonly [string, RunOptions["content"]])[] = [
  ["packs", { layout: "packs" }],
  ["uncompressed packs", { layout: "packs", compression: "none", compressionLevel: 0 }],
  ["zstd objects", { layout: "objects" }],
  ["gzip objects", { layout: "objects", compression: "gzip", compressionLevel: 6 }],
  ["uncompressed objects", { layout: "objects", compression: "none", compressionLevel: 0 }],
];

async function filledRig(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("small", secret);
  await rig.write("twin", secret);
  await rig.write("folder/large", large);
  await script(join(rig.path, "snapshots.d"), "db", `echo a table; yes '${secret}' | head -n 500 >&3`);
  return rig;
}

async function run(rig: Rig, content: RunOptions["content"], applied: readonly string[] = filters) {
  const { heard, notify } = notebook();
  const options = { ...(content && { content }), job: { filters: applied } };
  const summary = await archive(rig.job(notify, rig.bucket, options));
  return { summary, heard: heard.filter((line) => !line.startsWith("info")) };
}

async function restored(rig: Rig, bucket: Bucket = rig.bucket) {
  const notices: Notice[] = [];
  const notify = (notice: Notice) => notices.push(notice);
  const manifest = await openManifest(bucket, await findManifest(bucket, "host", { now: rig.now, notify }), { notify });
  const target = join(rig.path, `target-${notices.length}-${Math.random()}`);
  await mkdir(target);
  const paths: string[] = [];
  const options = {
    target,
    paths,
    numericOwner: true,
    snapshots: "fetch",
    onProgress: () => {},
    random: randomBytes,
    signal,
  } as const;
  await restore({ bucket, manifest, ...options, ask: () => Promise.reject(new Error("asked")), notify });
  const read = (name: string) => readFile(join(target, rig.file(name)));
  const dump = await readFile(join(target, "sysbackup-snapshots/db"), "utf8").catch(() => undefined);
  return { read, dump, errors: notices.filter(({ level }) => level === "error").map(({ message }) => message) };
}

const found = (rig: Rig) => findManifest(rig.bucket, "host", { now: rig.now, notify: () => {} });

/** Passes on so many bytes, and fails. */
async function* failing(stream: ByteStream, most: number): AsyncGenerator<Uint8Array> {
  let given = 0;
  for await (const piece of stream) {
    given += piece.length;
    if (given > most) throw altered("it ends too early");
    yield piece;
  }
}

async function verified(rig: Rig) {
  const { state, findings, losses } = await looked({
    bucket: rig.bucket,
    now: rig.now,
    name: "host",
    read: everything,
  });
  return { state, findings: findings.map(({ code }) => code), losses: losses.map(({ path }) => path) };
}

async function stored(bucket: Bucket): Promise<Map<string, Buffer>> {
  const objects = new Map<string, Buffer>();
  for await (const page of bucket.list("")) {
    for (const { key } of page) objects.set(key, Buffer.concat(await Array.fromAsync(bucket.get(key))));
  }
  return objects;
}

describe.each(layouts)("a filter over whole objects, with %s", (_, layout) => {
  test("a filter over whole objects is over all that is stored but the index, as keys and encodings say", async () => {
    await using rig = await filledRig();
    const { summary, heard } = await run(rig, layout);
    expect(heard).toEqual([]);
    expect(summary.key).toMatch(/^manifests\/host\/.*\.jsonl\.zst\.toy$/);
    const objects = await stored(rig.bucket);
    for (const [key, bytes] of objects) {
      if (key.startsWith("index/")) continue;
      expect(key).toEndWith(".toy");
      expect(bytes.subarray(0, 4).toString()).toBe("TOY1");
      expect(bytes.includes(secret.slice(0, 100))).toBe(false);
    }
    expect([...objects.keys()].filter((key) => key.startsWith("index/"))).toHaveLength(1);

    const manifest = await openManifest(rig.bucket, await found(rig), { notify: () => {} });
    const all = { concerns: () => true, wanted: () => true, onLost: () => {}, onBadEntry: () => {} };
    for (const parts of [manifest.parts, manifest.dumps ?? []]) {
      for await (const part of walkParts({ bucket: rig.bucket, manifest: { parts }, ...all })) {
        expect(part.objects.length).toBeGreaterThan(0);
        for (const { encoding } of part.objects) expect(encoding).toMatch(/^(frames|zstd|gzip|none)\+toy$/);
      }
    }
    for (const { encoding } of manifest.snapshots.filter(isWhole)) expect(encoding).toMatch(/\+toy$/);
    expect([manifest.snapshots.filter(isWhole).length, manifest.dumps?.length]).toEqual(
      layout?.layout === "objects" ? [1, undefined] : [0, 1],
    );
  });

  test("a filter over whole objects is undone by restore, list and verify", async () => {
    await using rig = await filledRig();
    await run(rig, layout);
    const { read, dump, errors } = await restored(rig);
    expect(errors).toEqual([]);
    expect((await read("small")).toString()).toBe(secret);
    expect((await read("twin")).toString()).toBe(secret);
    expect((await read("folder/large")).equals(large)).toBe(true);
    expect(dump).toBe(`${secret}\n`.repeat(500));
    expect((await Array.fromAsync(listBackups(rig, "host"))).map(({ state }) => state)).toEqual(["complete"]);
    expect(await verified(rig)).toEqual({ state: "restorable", findings: [], losses: [] });
  });

  test("a filter over whole objects costs nothing in the next run, which stores nothing again", async () => {
    await using rig = await filledRig();
    await run(rig, layout);
    const content = async () => [...(await rig.keys("packs/")), ...(await rig.keys("content/"))];
    const before = await content();
    const { summary } = await run(rig, layout);
    expect(summary).toMatchObject({ objectsStored: 0, unchanged: 3 });
    expect(await content()).toEqual(before);
  });

  test("a filter over whole objects does not hide damage from verify and restore", async () => {
    await using rig = await filledRig();
    await run(rig, layout);
    const objects = [...(await stored(rig.bucket))].filter(([key]) => /^(packs|content)\//.test(key));
    const [key] = objects.reduce((largest, object) => (object[1].length > largest[1].length ? object : largest));
    // Behind the filter's mark, in what holds the large file.
    await change(rig, key, (bytes) => flipped(bytes, 1_000_000));
    const found = await verified(rig);
    expect(found.state).toBe("damaged");
    expect(found.losses).toContain(rig.file("folder/large"));
    const { errors } = await restored(rig);
    expect(errors.join()).toContain("folder/large");
  });
});

describe("a filter over whole objects", () => {
  test("a filter over whole objects comes and goes from run to run: what is stored already is not stored again", async () => {
    await using rig = await filledRig();
    await run(rig, {}, []);
    await rig.write("second", "written under the filter");
    const second = await run(rig, {});
    expect(second.summary).toMatchObject({ new: 1, objectsStored: 1 });
    await rig.write("third", "written without it again");
    const third = await run(rig, {}, []);
    expect(third.summary).toMatchObject({ new: 1, objectsStored: 1 });
    const { read, errors } = await restored(rig);
    expect(errors).toEqual([]);
    for (const [name, text] of [
      ["small", secret],
      ["second", "written under the filter"],
      ["third", "written without it again"],
    ] as const)
      expect((await read(name)).toString()).toBe(text);
    expect(await verified(rig)).toEqual({ state: "restorable", findings: [], losses: [] });
  });

  test("a filter over whole objects has each pack read once, not once for each range of it", async () => {
    await using rig = await filledRig();
    // Two far ends of a pack: unfiltered, they would be two reads.
    await rig.write("a", noise(4_000_000));
    await rig.write("b", noise(4_000_000));
    await run(rig, {});
    const counts = noCounts();
    const { errors } = await restored(rig, count(rig.bucket, counts));
    expect(errors).toEqual([]);
    const packs = (await rig.keys("packs/")).length;
    const parts = (await rig.keys("manifests/host/parts/")).length;
    expect(counts.get).toBe(packs + parts + 1);
  });

  test("a filter over whole objects that fails in the middle of a pack has it read a few times, not once for each frame behind", async () => {
    await using rig = await Rig.make();
    for (let number = 10; number < 24; number += 1) await rig.write(`file${number}`, differing(1_000_000, number));
    await run(rig, {});
    expect(await rig.keys("packs/")).toHaveLength(1);
    added[Symbol.dispose]();
    added = addFilter({ ...toyFilter, decode: (stored) => failing(toyFilter.decode(stored), 5_000_000) });
    try {
      const counts = noCounts();
      const { read, errors } = await restored(rig, count(rig.bucket, counts));
      expect((await read("file12")).equals(differing(1_000_000, 12))).toBe(true);
      expect(errors.length).toBeGreaterThan(7);
      // Of root, part and pack, this twice to hold it, and twice for its frames.
      expect(counts.get).toBeLessThanOrEqual(6);
      const manifest = await openManifest(rig.bucket, await found(rig), { notify: () => {} });
      const ofTar = noCounts();
      const bucket = count(rig.bucket, ofTar);
      await writeTar({ bucket, manifest, paths: [], report: new Report(() => {}), write: () => {}, signal });
      expect(ofTar.get).toBeLessThanOrEqual(3);
    } finally {
      added[Symbol.dispose]();
      added = addFilter(toyFilter);
    }
  });

  test("a filter over whole objects is no obstacle to prune, which knows its objects by their keys", async () => {
    await using rig = await filledRig();
    await run(rig, {});
    rig.ahead += 60 * 24 * 3600 * 1000;
    await rig.write("small", noise(2_000_000));
    await run(rig, {});
    const rules = { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    const job = {
      names: ["host"],
      policy: rules,
      giveUp: [],
      now: rig.now,
      notify: () => {},
      onProgress: () => {},
      signal,
    };
    const { backups } = await prune({ bucket: rig.bucket, ...job });
    expect(backups.map(({ fate }) => fate)).toEqual(["kept", "removed"]);
    const { read, errors } = await restored(rig);
    expect(errors).toEqual([]);
    expect((await read("folder/large")).equals(large)).toBe(true);
  });

  test("a filter over whole objects does not keep a lost index from being rebuilt", async () => {
    for (const layout of [{ layout: "packs" }, { layout: "objects" }] as const) {
      await using rig = await filledRig();
      await run(rig, layout);
      const lost = await factsOf(rig);
      await loseIndex(rig);
      await loseState(rig);
      const { figures, heard } = await rebuild(rig);
      expect(heard).toEqual([]);
      expect(figures).toMatchObject({ damaged: 0, unread: 0 });
      expect(await factsOf(rig)).toEqual(lost);
      expect((await run(rig, layout)).summary).toMatchObject({ new: 3, objectsStored: 0 });
    }
  });

  test("a filter over whole objects that is not in the table makes a backup neither found nor restored", async () => {
    await using rig = await filledRig();
    const { summary } = await run(rig, {});
    added[Symbol.dispose]();
    try {
      await expect(found(rig)).rejects.toThrow("no backups");
      await expect(run(rig, {})).rejects.toThrow('"toy" is no filter that this sysbackup knows');
    } finally {
      added = addFilter(toyFilter);
    }
    expect(await found(rig)).toMatchObject({
      key: summary.key,
    });
  });
});
