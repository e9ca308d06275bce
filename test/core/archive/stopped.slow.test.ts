import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { archive } from "../../../core/archive/archive.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { Failure } from "../../../core/failure.ts";
import { diskFull, mayMount } from "../../support/faults/disk-full.ts";
import { run as command } from "../../support/services/command.ts";
import { faulty } from "../bucket/faults.ts";
import { noise } from "./noise.ts";
import { day, Rig, type RigRun, type RunOptions } from "./rig.ts";
import { notebook } from "./scripts.ts";

const mebibyte = 1024 ** 2;
const small = { packSize: mebibyte, shareWith: ["*"] };

/** Several packs of one file each, in the order of their names. */
async function rigWithPacks(): Promise<Rig> {
  const rig = await Rig.make();
  for (let number = 0; number < 5; number += 1) await rig.write(`file${number}`, noise(mebibyte, number));
  await rig.run({ content: small, name: "warm" });
  for (let number = 5; number < 24; number += 1) await rig.write(`file${number}`, noise(mebibyte, number));
  return rig;
}

async function isWhole(rig: Rig, { backup }: RigRun, files: number): Promise<boolean> {
  for (let number = 0; number < files; number += 1) {
    if (!(await backup.read(rig.file(`file${number}`))).equals(noise(mebibyte, number))) return false;
  }
  return true;
}

async function roots(rig: Rig): Promise<number> {
  return (await rig.keys("manifests/host/")).filter((key) => !key.includes("/parts/")).length;
}

async function errorOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("a run that is stopped", () => {
  /** The bucket, and a signal that fires at its `at`-th put. */
  function abortedAt(at: number): RunOptions & { readonly reason: Error } {
    const reason = new Error("stop");
    const controller = new AbortController();
    let puts = 0;
    const around = (bucket: Bucket): Bucket =>
      wrapBucket(bucket, {
        put: (...args) => {
          puts += 1;
          if (puts === at) controller.abort(reason);
          return bucket.put(...args);
        },
      });
    return { content: small, around, job: { signal: controller.signal }, reason };
  }

  test("a run that is stopped leaves no root, and what was put is used by the next", async () => {
    await using rig = await rigWithPacks();
    const options = abortedAt(2);
    expect(await errorOf(rig.run(options))).toBe(options.reason);
    expect(await roots(rig)).toBe(0);
    const left = await rig.keys("packs/");
    expect(left.length).toBeWithin(1, 16);
    const run = await rig.run({ content: small });
    expect(await isWhole(rig, run, 24)).toBe(true);
    expect(run.summary.objectsStored).toBe(24 - left.length);
    expect(await roots(rig)).toBe(1);
  });

  test("a run that is stopped before it began puts nothing", async () => {
    await using rig = await rigWithPacks();
    const reason = new Error("stop");
    expect(await errorOf(rig.run({ job: { signal: AbortSignal.abort(reason) } }))).toBe(reason);
    expect(await rig.keys("manifests/host/")).toEqual([]);
  });

  test("a run that is stopped within a large file stops there", async () => {
    await using rig = await Rig.make();
    await rig.write("large", noise(64 * mebibyte));
    const reason = new Error("stop");
    const controller = new AbortController();
    let parts = 0;
    const around = (bucket: Bucket): Bucket =>
      wrapBucket(bucket, {
        startUpload: async (key, options) => {
          const upload = await bucket.startUpload(key, options);
          return {
            part: (number, body) => {
              parts += 1;
              controller.abort(reason);
              return upload.part(number, body);
            },
            complete: () => upload.complete(),
            abort: () => upload.abort(),
          };
        },
      });
    const content = { layout: "objects", compression: "none", compressionLevel: 0 } as const;
    expect(await errorOf(rig.run({ content, around, job: { signal: controller.signal } }))).toBe(reason);
    expect(parts).toBe(1);
    expect(await rig.keys()).toEqual([]);
  });
});

// A defect of packs.ts, which does not look at the signal within a file.
test("a run that is stopped within a large file stops there, in packs too", async () => {
  await using rig = await Rig.make();
  await rig.write("large", noise(64 * mebibyte));
  const controller = new AbortController();
  let puts = 0;
  const around = (bucket: Bucket): Bucket =>
    wrapBucket(bucket, {
      put: (...args) => {
        puts += 1;
        controller.abort(new Error("stop"));
        return bucket.put(...args);
      },
    });
  await errorOf(rig.run({ content: small, around, job: { signal: controller.signal } }));
  expect(puts).toBeLessThan(16);
});

describe("whichever request fails", () => {
  /** A machine with something for every kind of request: new content, unchanged files, locks to be extended. */
  async function prepared(): Promise<Rig> {
    const rig = await Rig.make();
    await rig.write("file0", noise(mebibyte, 0));
    await rig.run({ content: small });
    for (const number of [1, 2]) await rig.write(`file${number}`, noise(mebibyte, number));
    rig.ahead += 8 * day;
    return rig;
  }

  test("the run ends without a backup, and the next one completes", async () => {
    const calls = await callsOf();
    expect(new Set(calls.map((call) => call.split(" ")[0]))).toEqual(new Set(["list", "put", "extend", "retention"]));
    for (const lostAnswer of [false, true]) {
      for (const at of calls.keys()) await failsAt(at, lostAnswer);
    }
  });

  async function callsOf(): Promise<readonly string[]> {
    await using rig = await prepared();
    const { bucket, calls } = faulty(rig.bucket, []);
    await rig.run({ content: small, around: () => bucket });
    return calls;
  }

  async function failsAt(at: number, lostAnswer: boolean): Promise<void> {
    await using rig = await prepared();
    let fired = false;
    let number = 0;
    const script = (call: "put" | "extend" | "list" | "retention") => {
      const now = number === at;
      number += 1;
      fired ||= now;
      return faulty(rig.bucket, now ? [{ call, lostAnswer }] : []).bucket;
    };
    const around = (bucket: Bucket): Bucket =>
      wrapBucket(bucket, {
        put: (...args) => script("put").put(...args),
        extend: (...args) => script("extend").extend(...args),
        list: (...args) => script("list").list(...args),
        retention: (...args) => script("retention").retention(...args),
      });
    const error = await errorOf(rig.run({ content: small, around }));
    expect(fired).toBe(true);
    if (!(error instanceof Failure)) throw new Error(`request ${at} failed, and the run with ${error}`);
    const run = await rig.run({ content: small });
    expect(run.heard).toEqual([]);
    expect(await isWhole(rig, run, 3)).toBe(true);
    expect((await run.backup.lockedUntil()) >= run.summary.retainUntil).toBe(true);
    expect(await rig.keys("packs/")).toHaveLength(3);
  }
});

describe.skipIf(!mayMount)("a full disk", () => {
  test("a full disk of the bucket ends the run with words, loses nothing, and the next one completes when there is room", async () => {
    await using disk = await diskFull(6 * mebibyte);
    await using rig = await Rig.make();
    const path = join(disk.path, "bucket");
    await mkdir(path);
    const bucket = await openDirectoryBucket(path, { now: rig.now, random: Math.random });
    const { notify } = notebook();
    const run = () => archive(rig.job(notify, bucket, { content: small }));
    await rig.write("file0", noise(mebibyte, 0));
    const first = await run();
    for (let number = 1; number < 9; number += 1) await rig.write(`file${number}`, noise(mebibyte, number));
    const error = await errorOf(run());
    if (!(error instanceof Failure)) throw new Error(`no failure but ${error}`);
    expect(error.message).toMatch(/^cannot store "file:.*": no space is left; free some space there/);
    expect((await bucket.head(first.key, first.version))?.size).toBeGreaterThan(0);
    await command(["mount", "-o", "remount,size=20m", disk.path]);
    const second = await run();
    expect(second).toMatchObject({ files: 9 });
    expect(second.objectsStored).toBeLessThan(8);
  });

  test("a full disk of the state folder ends the run with words, and the next one completes when there is room", async () => {
    await using disk = await diskFull(0.25 * mebibyte);
    await using rig = await Rig.make();
    for (let number = 0; number < 600; number += 1) await rig.write(`${"long name ".repeat(20)}${number}`, `${number}`);
    const { notify, heard } = notebook();
    const job = rig.job(notify, rig.bucket);
    const config = { ...job.config, backup: { ...job.config.backup, stateDir: disk.path } };
    const error = await errorOf(archive({ ...job, config }));
    if (!(error instanceof Failure)) throw new Error(`no failure but ${error}`);
    expect(error.message).toMatch(/^cannot use the state folder ".*host.sqlite": database or disk is full; /);
    await command(["mount", "-o", "remount,size=20m", disk.path]);
    expect(await archive({ ...job, config })).toMatchObject({ files: 600 });
    expect(heard).toEqual([]);
  });
});
