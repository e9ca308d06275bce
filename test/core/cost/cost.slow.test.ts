/** The estimate against what really happens: runs of a machine with a clock, and their counted requests. */

import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { count, noCounts } from "../../../core/bucket/decorators/count.ts";
import { type Cost, costOfBackups } from "../../../core/cost/cost.ts";
import { measure } from "../../../core/cost/measure.ts";
import { builtInPrices } from "../../../core/cost/prices.ts";
import { restore } from "../../../restore/restore.ts";
import { noise } from "../archive/noise.ts";
import { day, Rig, type RunOptions } from "../archive/rig.ts";

async function costOfRig(rig: Rig): Promise<{ cost: Cost; lost: string[]; gets: number }> {
  const lost: string[] = [];
  const counts = noCounts();
  const bucket = count(rig.bucket, counts);
  const signal = new AbortController().signal;
  const measured = await measure({
    bucket,
    name: "host",
    now: rig.now,
    onLost: (why) => lost.push(why),
    onProgress: () => {},
    signal,
  });
  using _history = measured.history;
  const cost = costOfBackups(measured, builtInPrices(), 7);
  if (cost === undefined) throw new Error("no backup was found");
  return { cost, lost, gets: counts.get };
}

/** Forty files, two of the same content. */
async function machine(): Promise<Rig> {
  const rig = await Rig.make();
  for (let number = 0; number < 39; number += 1) await rig.write(`f${number}`, `content ${number}`);
  await rig.write("same", "content 7");
  await rig.write("large", noise(3_000_000));
  return rig;
}

const estimates = ({ classes: [{ layouts }] }: Cost) => layouts;

describe.each(["packs", "objects"] as const)("layout %s", (layout) => {
  const options: RunOptions = { content: { layout } };

  test("a backup from nothing is said to take the requests that it took", async () => {
    await using rig = await machine();
    const { counts } = await rig.run(options);
    const { cost } = await costOfRig(rig);
    const { put, list } = estimates(cost)["as it is"].nothing.requests;
    expect({ put, list }).toEqual({ put: counts.put, list: counts.list });
    expect(cost.figures["as it is"].content.kept.bytes).toBeGreaterThan(3_000_000);
  });

  test("one object a file takes a put for each different content", async () => {
    await using rig = await machine();
    await rig.run(options);
    const { cost } = await costOfRig(rig);
    expect(cost.figures["one object a file"].content.live).toMatchObject({ objects: 40 });
    // The two layouts differ in the content alone.
    const { "as it is": is, "one object a file": one } = cost.figures;
    expect(one.manifests).toEqual(is.manifests);
  });

  test("a full restore makes the requests and reads the bytes that it is said to", async () => {
    await using rig = await machine();
    const { backup } = await rig.run(options);
    const { cost } = await costOfRig(rig);
    const counts = noCounts();
    await restore({
      bucket: count(rig.bucket, counts),
      manifest: backup.manifest,
      target: rig.file("../target"),
      paths: [],
      numericOwner: false,
      snapshots: "skip",
      ask: () => Promise.reject(new Error("nothing was to be asked")),
      notify: () => {},
      random: randomBytes,
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    const { requests, read } = estimates(cost)["as it is"].restore;
    // The root was read before.
    expect(requests.get).toBe(counts.get + 1);
    const [root] = await rig.keys("manifests/host/2");
    if (root === undefined) throw new Error("there is no root");
    const info = await rig.bucket.head(root);
    expect(read).toBe(counts.received + (info?.size ?? 0));
  });
});

test("the mean of daily runs is what they took, with extensions", async () => {
  await using rig = await machine();
  await rig.run();
  const real = { put: 0, extend: 0, list: 0 };
  for (let number = 1; number <= 16; number += 1) {
    rig.ahead += day;
    await rig.write("log", noise(10_000, number));
    const { counts } = await rig.run();
    real.put += counts.put;
    real.extend += counts.extend;
    real.list += counts.list;
  }
  const { cost, gets } = await costOfRig(rig);
  const { put, extend, list } = estimates(cost)["as it is"].run.requests;
  expect(cost).toMatchObject({ backups: 17, runsMeasured: 16 });
  expect(put * 16).toBeCloseTo(real.put, 6);
  expect(list * 16).toBe(real.list);
  expect(real.extend).toBeGreaterThan(0);
  // What was put lately has not been extended yet, so a month takes a few less than said.
  expect(extend * 16).toBeGreaterThanOrEqual(real.extend * 0.9);
  // A root and a part for each day.
  expect(gets).toBe(2 * 17);
});

test("what older backups need is stored, and new runs add to it", async () => {
  await using rig = await machine();
  await rig.run();
  rig.ahead += day;
  await rig.write("large", noise(2_000_000, 1));
  await rig.run();
  const { content } = (await costOfRig(rig)).cost.figures["as it is"];
  expect(content.kept.bytes).toBeGreaterThan(5_000_000);
  expect(content.added).toMatchObject({ objects: 1 });
  expect(content.added.bytes).toBeWithin(2_000_000, 2_100_000);
});

test("small objects are charged for the class's least bytes", async () => {
  await using rig = await machine();
  await rig.run({ content: { layout: "objects" } });
  const { classes, figures } = (await costOfRig(rig)).cost;
  const [standard, infrequent] = classes.map(({ layouts }) => layouts["as it is"].month.stored);
  const small = figures["as it is"].content.kept.objects - 1;
  expect((infrequent ?? 0) - (standard ?? 0)).toBeGreaterThan(small * 131_000);
});

test("a damaged root is reported and left out", async () => {
  await using rig = await machine();
  await rig.run();
  const [root = ""] = await rig.keys("manifests/host/2");
  rig.ahead += day;
  await rig.run();
  const path = join(rig.path, "bucket", root);
  await chmod(path, 0o600);
  await writeFile(path, "nothing");
  const { cost, lost } = await costOfRig(rig);
  expect(cost.backups).toBe(1);
  expect(lost).toHaveLength(1);
  expect(lost[0]).toContain(root);
});
