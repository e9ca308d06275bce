/** Snapshotters that seek in what they write. */
import { describe, expect, test } from "bun:test";
import { readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { wantsSeekable } from "../../../../core/archive/snapshotting/seekable.ts";
import { diskFull, mayMount } from "../../../support/faults/disk-full.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { Rig, type RigRun, type RunOptions } from "../rig.ts";
import { script } from "../scripts.ts";

const seekable = "# sysbackup: seekable\n";

async function runWith(body: string, { stateDir, ...options }: RunOptions & { readonly stateDir?: string } = {}) {
  const rig = await Rig.make();
  await script(join(rig.path, "snapshots.d"), "db", body);
  const config = rig.job(() => {}, rig.bucket).config;
  const backup = { ...config.backup, ...(stateDir !== undefined && { stateDir }) };
  const run = await rig.run({
    ...options,
    job: { config: { ...config, backup, content: { ...config.content, ...options.content } } },
  });
  return { rig, run, ref: run.backup.manifest.snapshots[0], [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
}

const digestOf = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

const snapshotNotices = ({ heard }: RigRun) => heard.filter((line) => line.includes("snapshot"));

describe("a seekable descriptor", () => {
  test("a snapshotter with the line goes back in what it wrote, and reads it again", async () => {
    const body = `${seekable}printf 'header body' >&"$1"; printf HEADER | dd conv=notrunc of="/dev/fd/$1" 2>/dev/null; cat "/dev/fd/$1"`;
    await using taken = await runWith(body);
    expect(snapshotNotices(taken.run)).toEqual([]);
    expect(taken.ref).toMatchObject({ exit: 0, dump_size: 11, description: "HEADER body" });
    expect(taken.ref?.dump_sha256).toBe(digestOf("HEADER body"));
  });

  test("without the line, a snapshotter has a pipe", async () => {
    await using taken = await runWith(`test -p "/dev/fd/$1" && echo pipe; echo x >&"$1"`);
    expect(taken.ref?.description).toBe("pipe");
  });

  test("the file has mode 0600, no name, and lies in the state folder", async () => {
    const body = `${seekable}stat -L -c '%a %h' "/dev/fd/$1"; readlink "/dev/fd/$1"; echo x >&"$1"`;
    await using taken = await runWith(body);
    const [mode, path] = taken.ref?.description?.split("\n") ?? [];
    expect(mode).toBe("600 0");
    expect(path).toStartWith(join(taken.rig.path, "state"));
    const left = (await readdir(join(taken.rig.path, "state"))).filter((name) => !name.startsWith("host.sqlite"));
    expect(left).toEqual([]);
  });

  test("a dump of several pieces is stored byte for byte", async () => {
    await using taken = await runWith(`${seekable}yes line | head -c 3000001 >&"$1"`);
    expect(taken.ref?.dump_size).toBe(3_000_001);
    expect(taken.ref?.dump_sha256).toBe(digestOf("line\n".repeat(600_001).slice(0, 3_000_001)));
  });

  test("what a snapshotter had dumped when it failed is stored, marked as failed", async () => {
    await using taken = await runWith(`${seekable}echo half >&"$1"; exit 7`);
    expect(taken.ref).toMatchObject({ exit: 7, dump_size: 5 });
    expect(snapshotNotices(taken.run)).toEqual([expect.stringContaining("exited with status 7")]);
  });

  test("growth of the file counts as output, and silence ends the snapshotter", async () => {
    const slow = `${seekable}for i in 1 2 3 4 5 6 7 8; do sleep 0.3; echo x >&"$1"; done; exec sleep 60`;
    await using taken = await runWith(slow, { content: { snapshotTimeout: 1000 } });
    expect(taken.ref).toMatchObject({ exit: null, dump_size: 16 });
    expect(snapshotNotices(taken.run)).toEqual([expect.stringContaining("was ended after 1 s of silence")]);
  });

  test("a run that is stopped ends the snapshotter at once", async () => {
    await using rig = await Rig.make();
    const mark = join(rig.path, "mark");
    await script(join(rig.path, "snapshots.d"), "db", `${seekable}trap 'touch ${mark}; exit 1' TERM; sleep 60 & wait`);
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("enough")), 500);
    expect(rig.run({ job: { signal: stop.signal } })).rejects.toThrow("enough");
    for (let waited = 0; waited < 10_000 && !(await Bun.file(mark).exists()); waited += 50) await Bun.sleep(50);
    expect(await Bun.file(mark).exists()).toBe(true);
  });

  test.skipIf(!mayMount)(
    "one that fills the disk is ended by name, nothing of it is stored, and the backup is whole",
    async () => {
      await using disk = await diskFull(64 * 1024 * 1024);
      await using taken = await runWith(`${seekable}cat /dev/zero >&"$1"`, { stateDir: disk.path });
      expect(taken.ref).toBeUndefined();
      const [said, ...more] = snapshotNotices(taken.run);
      expect(more).toEqual([]);
      expect(said).toContain("warning snapshotter-failed");
      expect(said).toContain(
        `the disk of ${JSON.stringify(disk.path)} has not enough room (make room, or name a folder`,
      );
      expect(said).toContain("nothing of it is stored");
      expect(taken.run.summary.entries).toBeGreaterThan(0);
    },
  );

  test.skipIf(!mayMount)("without room from the beginning, a snapshotter is not started", async () => {
    await using disk = await diskFull(64 * 1024 * 1024);
    await Bun.write(join(disk.path, "filler"), new Uint8Array(62 * 1024 * 1024));
    await using taken = await runWith(`${seekable}echo x >&"$1"`, { stateDir: disk.path });
    expect(taken.ref).toBeUndefined();
    expect(snapshotNotices(taken.run)).toEqual([
      expect.stringMatching(/error snapshotter-failed: .* cannot be started: .*hardly any room/),
    ]);
  });

  const asking: readonly [text: string, wants: boolean][] = [
    ["#!/bin/sh\n# sysbackup: seekable\n", true],
    ["#!/usr/bin/env node\n// sysbackup: seekable\r\nx", true],
    ["#!/usr/bin/lua\n-- sysbackup: seekable", true],
    ["#!/bin/sh\n#sysbackup: seekable\n", true],
    ["#!/bin/sh\necho '# sysbackup: seekable'\n", false],
    ["#!/bin/sh\n# sysbackup: seekable descriptors are slow\n", false],
    [`#!/bin/sh\n${"#".repeat(5000)}\n# sysbackup: seekable\n`, false],
    ["", false],
  ];
  test.each(asking)("a script that begins %j: seekable %p", async (text, wants) => {
    await using folder = await scratch();
    await Bun.write(join(folder.path, "script"), text);
    await symlink("script", join(folder.path, "link"));
    expect(await wantsSeekable(join(folder.path, "link"))).toBe(wants);
  });
});
