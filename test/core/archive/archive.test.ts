import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { archive } from "../../../core/archive/archive.ts";
import { openState } from "../../../core/archive/state/database.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { exitStatus, Failure } from "../../../core/failure.ts";
import { faulty } from "../bucket/faults.ts";
import { noise } from "./noise.ts";
import { day, Rig, type RigRun } from "./rig.ts";
import { notebook, script } from "./scripts.ts";

async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  await rig.write("text", "text");
  await rig.write("folder/large", noise(3_000_000));
  return rig;
}

async function failureOf(run: Promise<unknown>): Promise<Failure> {
  const error = await run.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof Failure)) throw new Error(`no failure, but ${error}`);
  return error;
}

async function isWhole(rig: Rig, { backup }: RigRun): Promise<boolean> {
  const large = await backup.read(rig.file("folder/large"));
  return large.equals(noise(3_000_000)) && (await backup.read(rig.file("text"))).toString() === "text";
}

const requests = ({ counts: { put, get, head, list, extend, remove } }: RigRun) => ({
  put,
  get,
  head,
  list,
  extend,
  remove,
});
const none = { put: 0, get: 0, head: 0, list: 0, extend: 0, remove: 0 };

describe("a run", () => {
  test("a run makes a manifest that says all about it", async () => {
    await using rig = await rigWithFiles();
    const { backup, summary, heard } = await rig.run();
    const { header, totals, snapshots, log } = backup.manifest;
    expect(heard).toEqual([]);
    expect(log).toEqual([]);
    expect(snapshots).toEqual([]);
    expect(header).toMatchObject({
      name: "host",
      host: "machine",
      tool: "sysbackup test",
      lock_mode: "GOVERNANCE",
      layout: "packs",
    });
    expect(new Date(header.retain_until).getTime() - new Date(header.started).getTime()).toBe(30 * day);
    expect(totals).toMatchObject({
      files: 2,
      bytes: 3_000_004,
      parts: 1,
      warnings: 0,
      errors: 0,
      entries: backup.entries.size,
    });
    expect(summary).toMatchObject({
      files: 2,
      new: 2,
      changed: 0,
      unchanged: 0,
      bytes: 3_000_004,
      bytesRead: 3_000_004,
    });
    expect(rig.names(backup)).toEqual(["folder", "folder/large", "text"]);
  });

  test("a run puts content first, the root last", async () => {
    await using rig = await rigWithFiles();
    const { bucket, calls } = faulty(rig.bucket, []);
    await rig.run({ around: () => bucket });
    const order = calls.filter((call) => call.startsWith("put")).map((call) => call.replace(/[^/]*$/, "").slice(4));
    expect(order).toEqual(["packs/", "manifests/host/parts/", "index/host/", "manifests/host/"]);
  });

  test("a run of unchanged files costs two requests: a listing and a root", async () => {
    await using rig = await rigWithFiles();
    const first = await rig.run();
    expect(requests(first)).toEqual({ ...none, list: 2, put: 4 });
    let calls: readonly string[] = [];
    const heard = (counted: Bucket) => {
      const { bucket, calls: made } = faulty(counted, []);
      calls = made;
      return bucket;
    };
    const second = await rig.run({ around: heard });
    // The folders above a rig are in its backups, too, and others may be at work there: then their part is put again.
    const parts = calls.filter((call) => call.startsWith("put manifests/host/parts/")).length;
    expect(parts).toBeLessThanOrEqual(1);
    expect(requests(second)).toEqual({ ...none, list: 1, put: 1 + parts });
    expect(second.summary).toMatchObject({
      files: 2,
      unchanged: 2,
      new: 0,
      changed: 0,
      bytesRead: 0,
      bytesStored: 0,
    });
    if (parts === 0) expect(second.backup.manifest.parts).toEqual(first.backup.manifest.parts);
  });

  test("a run leaves out what was deleted", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    await unlink(rig.file("text"));
    const { backup, summary } = await rig.run();
    expect(rig.names(backup)).toEqual(["folder", "folder/large"]);
    expect(summary.files).toBe(1);
    await rm(rig.file("folder"), { recursive: true });
    expect(rig.names((await rig.run()).backup)).toEqual([]);
  });

  test("a run after a failing picker continues, and the manifest reports the failure", async () => {
    await using rig = await rigWithFiles();
    await script(join(rig.path, "pickers.d"), "broken", "echo /etc/hostname; echo went wrong >&2; exit 7");
    const { backup, heard, summary } = await rig.run();
    expect(heard).toEqual([`warning picker-failed: picker "broken" exited with status 7: went wrong`]);
    expect(backup.manifest.log.map(({ level, code, message }) => `${level} ${code}: ${message}`)).toEqual([...heard]);
    expect([summary.warnings, backup.manifest.totals.warnings]).toEqual([1, 1]);
    expect(rig.names(backup)).toEqual(["folder", "folder/large", "text"]);
    expect(backup.entries.has("/etc/hostname")).toBe(true);
  });

  test("a run with nothing to run is bad usage, and says what is there but no executable", async () => {
    await using rig = await rigWithFiles();
    await rm(join(rig.path, "pickers.d", "all"));
    await writeFile(join(rig.path, "pickers.d", "plain"), "#!/bin/sh\n", { mode: 0o644 });
    const { heard, notify } = notebook();
    const failure = await failureOf(archive(rig.job(notify, rig.bucket)));
    expect(failure.exit).toBe(exitStatus.usage);
    expect(failure.message).toMatch(/^cannot archive what is picked by ".*pickers.d": there is no executable picker/);
    expect(heard).toEqual([expect.stringContaining("info picker-off")]);
    expect(await rig.keys()).toEqual([]);
  });

  test("a run beside another of the same name fails at once; one of another name does not", async () => {
    await using rig = await rigWithFiles();
    const wait = join(rig.path, "go-on");
    await script(join(rig.path, "pickers.d"), "slow", `until [ -e '${wait}' ]; do sleep 0.01; done`);
    const first = rig.run();
    await Bun.sleep(50);
    expect((await failureOf(rig.run())).message).toContain("another run holds its lock");
    const other = rig.run({ name: "other" });
    await writeFile(wait, "");
    expect(await isWhole(rig, await first)).toBe(true);
    expect(await isWhole(rig, await other)).toBe(true);
    expect(await isWhole(rig, await rig.run())).toBe(true);
  });

  test("a run refreshes owners' names when accounts have changed, and reads no content for it", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    using database = openState(rig.statePath(), rig.bucket.url);
    database.run(`UPDATE heads SET before = replace(before, '"uid"', '"o":"nobody-of-old","uid"')`);
    database.run("UPDATE facts SET value = 'other' WHERE name = 'accounts'");
    database.close();
    await rm(`${rig.statePath()}.sum`);
    const { backup, summary } = await rig.run();
    expect(summary).toMatchObject({ unchanged: 2, bytesRead: 0, bytesStored: 0 });
    for (const entry of backup.entries.values()) expect(entry.owner.user).not.toBe("nobody-of-old");
    expect(await isWhole(rig, await rig.run())).toBe(true);
  });
});

describe("another bucket", () => {
  test("a bucket made in the place of the old one gets everything", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    await rm(join(rig.path, "bucket"), { recursive: true });
    await Bun.write(join(rig.path, "bucket", ".keep"), "");
    const run = await rig.run();
    expect(run.heard).toEqual([
      expect.stringMatching(
        /^warning state-rebuilt: .* the bucket does not have "index\/host\/.*", which was put there; it is rebuilt/,
      ),
    ]);
    expect(await isWhole(rig, run)).toBe(true);
    expect((await rig.run()).heard).toEqual([]);
  });

  test("another bucket that is mounted there by turns, as disks are, is known again", async () => {
    await using rig = await rigWithFiles();
    const mounted = join(rig.path, "bucket");
    let [here, away] = [join(rig.path, "one"), join(rig.path, "two")];
    await Bun.write(join(away, ".keep"), "");
    const stored: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const run = await rig.run();
      expect(await isWhole(rig, run)).toBe(true);
      stored.push(run.summary.objectsStored);
      await rename(mounted, here);
      await rename(away, mounted);
      [here, away] = [away, here];
    }
    expect(stored).toEqual([1, 1, 0, 0]);
  });

  test("another bucket of the same name behind another endpoint is another one", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    const { notify } = notebook();
    const job = rig.job(notify, rig.bucket);
    const config = { ...job.config, s3: { ...job.config.s3, endpoint: "https://elsewhere.example" } };
    const summary = await archive({ ...job, config });
    expect(summary).toMatchObject({ new: 2, unchanged: 0 });
  });
});

describe("what is stored already is not stored again", () => {
  test("what is stored already is not stored again by another host with the same files", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ name: "one" });
    const second = await rig.run({ name: "two", content: { shareWith: ["*"] } });
    expect(second.summary).toMatchObject({ new: 2, bytesStored: 0, objectsStored: 0 });
    expect(await isWhole(rig, second)).toBe(true);
  });

  test("what is stored already is not stored again unless the other host is not shared with", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ name: "one" });
    const second = await rig.run({ name: "two", content: { shareWith: ["three"] } });
    expect(second.summary).toMatchObject({ objectsStored: 1 });
    expect((await rig.run({ name: "three", content: { shareWith: ["two"] } })).summary).toMatchObject({
      objectsStored: 0,
    });
  });

  test("what is stored already is not stored again by a host that lost its state, nor what had expired and was stored again", async () => {
    await using rig = await rigWithFiles();
    await rig.run();
    rig.ahead += 36 * day;
    expect((await rig.run()).summary.objectsStored).toBe(1);
    await rm(rig.statePath());
    const run = await rig.run();
    expect(run.summary).toMatchObject({ new: 2, objectsStored: 0 });
    expect(await isWhole(rig, run)).toBe(true);
  });

  test("what is stored already is not stored again in the other layout, and the backup is whole", async () => {
    await using rig = await rigWithFiles();
    await rig.run({ content: { layout: "objects" } });
    await rm(rig.statePath());
    const run = await rig.run({ content: { layout: "packs" } });
    expect(await isWhole(rig, run)).toBe(true);
    expect(
      await isWhole(rig, await rig.run({ content: { layout: "objects", compression: "gzip", compressionLevel: 6 } })),
    ).toBe(true);
  });
});

test("the state database is closed and whole after a run", async () => {
  await using rig = await rigWithFiles();
  await rig.run();
  using database = new Database(rig.statePath(), { readonly: true });
  expect(database.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
});
