/** A network that fails on the way to the bucket, for a moment or for good. */
import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { startSysbackup, writeConf } from "../support/program.ts";
import { ceph } from "../support/services.ts";
import { describeTree } from "../support/tree/describe.ts";
import { MiB, mixedFiles } from "./data.ts";
import { Detour } from "./detour.ts";
import { discard } from "./discard.ts";
import { archive, contentIn, differences, lostBy, rootsIn } from "./loop.ts";
import { places } from "./places.ts";

const minutes = 60_000;
const bytes = 48 * MiB;
const packSize = 2 * MiB;
/** Packs that were put, but whose answer was lost: they are put again. */
const packsAtOnce = 3;
const largestPack = 3 * MiB;
const [, overNetwork] = places;

/** A host whose way to its bucket leads through a detour, and its bucket's direct address for looking into it. */
async function host(dir: string) {
  if (ceph === undefined || overNetwork === undefined) throw new Error("the Ceph gateway is not running");
  const detour = new Detour(new URL(ceph.endpoint));
  await detour.open();
  const tree = join(dir, "tree");
  await mixedFiles(tree, bytes, 160);
  const bucket = await overNetwork.newBucket(dir);
  const sections = { ...bucket, content: { pack_size: packSize } };
  const pickers = { all: `exec find '${tree}' -print0` };
  const direct = join(dir, "direct");
  await mkdir(direct);
  const s3 = { ...bucket.s3, endpoint: detour.endpoint };
  return {
    detour,
    tree,
    expected: await describeTree(tree),
    conf: (await writeConf(dir, { sections: { ...sections, s3 }, pickers })).conf,
    direct: (await writeConf(direct, { sections, pickers })).conf,
  };
}

/** What is done to the network as soon as so many bytes were sent. */
type Fault = readonly [at: number, fault: () => Promise<void>];

/** Runs the program through faults of its network, one after the other. */
async function run(args: readonly string[], detour: Detour, faults: readonly Fault[]) {
  const child = startSysbackup(args);
  const output = Promise.all([child.stdout.text(), child.stderr.text()]);
  for (const [at, fault] of faults) {
    while (detour.sent < at && child.exitCode === null) await Bun.sleep(1);
    expect(child.exitCode).toBe(null);
    await fault();
  }
  const [[stdout, stderr], exit] = await Promise.all([output, child.exited]);
  return { exit, stdout, stderr };
}

const cutFor = (detour: Detour, milliseconds: number) => async () => {
  await detour.cut();
  await Bun.sleep(milliseconds);
  await detour.open();
};

const hushFor = (detour: Detour, milliseconds: number) => async () => {
  detour.hush(true);
  await Bun.sleep(milliseconds);
  detour.hush(false);
};

const retrying = /trying again in \d+\.\d s \(attempt \d of 8\)/;

describe.skipIf(ceph === undefined)("a network that", () => {
  test(
    "a network that is cut three times while an archive puts packs: it waits, tries again, and completes",
    async () => {
      await using dir = await scratch();
      const { detour, tree, expected, conf, direct } = await host(dir.path);
      await using _ = detour;
      const cuts = [6, 20, 34].map((mib) => [mib * MiB, cutFor(detour, 1_000)] as const);
      const { exit, stderr } = await run(["archive", "--conf-dir", conf], detour, cuts);
      expect(stderr).toMatch(retrying);
      expect(exit).toBe(0);
      const stored = await contentIn(direct);
      expect(stored.bytes).toBeLessThan(bytes * 1.1 + cuts.length * packsAtOnce * largestPack);
      expect(await rootsIn(direct)).toHaveLength(1);
      expect(await lostBy(direct, { tree, expected })).toEqual([]);
      await discard(direct);
    },
    5 * minutes,
  );

  test(
    "a network that is silent for three seconds while an archive puts packs: it completes",
    async () => {
      await using dir = await scratch();
      const { detour, tree, expected, conf, direct } = await host(dir.path);
      await using _ = detour;
      const { exit, stderr } = await run(["archive", "--conf-dir", conf], detour, [[20 * MiB, hushFor(detour, 3_000)]]);
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
      expect(await lostBy(direct, { tree, expected })).toEqual([]);
      await discard(direct);
    },
    5 * minutes,
  );

  test(
    "a network that is cut for good while an archive puts packs: one clear error within two minutes, and the next run builds upon it",
    async () => {
      await using dir = await scratch();
      const { detour, tree, expected, conf, direct } = await host(dir.path);
      await using _ = detour;
      const began = performance.now();
      const { exit, stdout, stderr } = await run(["archive", "--conf-dir", conf], detour, [
        [20 * MiB, () => detour.cut()],
      ]);
      expect({ exit, stdout }).toEqual({ exit: 1, stdout: "" });
      const last = stderr.trimEnd().split("\n").at(-1);
      expect(last).toMatch(/^sysbackup: cannot store "\S*packs\/[0-9a-f]{64}\.zst": cannot reach "/);
      expect(last).toEndWith(
        `"${detour.endpoint}": nothing listens there (tried 8 times); check the network, and endpoint under [s3]`,
      );
      expect(performance.now() - began).toBeLessThan(2 * minutes);
      expect(await rootsIn(direct)).toEqual([]);
      const put = await contentIn(direct);
      expect(put.bytes).toBeGreaterThan(10 * MiB);

      await detour.open();
      const next = await archive(conf);
      expect(next.bytesStored).toBeLessThan(bytes * 1.1 - put.bytes + packsAtOnce * largestPack);
      expect(await lostBy(direct, { tree, expected })).toEqual([]);
      await discard(direct);
    },
    4 * minutes,
  );

  test(
    "a network that is cut twice while a restore reads: it continues, and completes",
    async () => {
      await using dir = await scratch();
      const { detour, tree, expected, conf, direct } = await host(dir.path);
      await using _ = detour;
      await archive(direct);
      const target = join(dir.path, "target");
      const args = ["restore", "test", "--conf-dir", conf, "--target", target];
      const { exit, stderr } = await run(args, detour, [
        [1, cutFor(detour, 1_000)],
        [3_000, cutFor(detour, 1_000)],
      ]);
      expect(stderr).toMatch(retrying);
      expect(exit).toBe(0);
      expect(await differences(target, { tree, expected })).toEqual([]);
      await discard(direct);
    },
    5 * minutes,
  );
});
