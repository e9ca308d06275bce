/** What stands in the way of a run: another run, its state, full and read-only disks, and pickers that misbehave. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exitStatus } from "../../core/failure.ts";
import { diskFull, mayMount } from "../support/faults/disk-full.ts";
import { run } from "../support/services/command.ts";
import { isRoot } from "../support/services.ts";
import { expectReported, Machine, type Reported } from "./machine.ts";
import { messages } from "./messages.ts";

const { failed, usage, incomplete } = exitStatus;
const mebibyte = 1024 * 1024;

describe("a second run", () => {
  test("a second run is refused while the first goes on, which it does not disturb", async () => {
    const wait = join(tmpdir(), `sysbackup-test-${crypto.randomUUID()}`);
    await using machine = await Machine.open({
      pickers: { slow: `touch '${wait}'; while [ -e '${wait}' ]; do sleep 0.02; done` },
    });
    const first = machine.run("archive");
    while (!existsSync(wait)) await Bun.sleep(10);
    await machine.refuses(["archive"], { exit: failed, message: messages.secondRun });
    await rm(wait);
    expect(await first).toMatchObject({ exit: 0, stderr: "" });
    await rm(join(machine.conf, "pickers.d/slow"));
    await machine.isWell();
  });
});

describe("a state database", () => {
  const page = 4096;
  const overwrite = (start: number, end: number, byte: number) => async (path: string) => {
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(byte, start, Math.min(end, bytes.length)));
  };
  const damages: readonly (readonly [name: string, damage: (path: string) => Promise<void>])[] = [
    ["whose header is gone", overwrite(0, 100, 0x41)],
    ["whose schema is gone", overwrite(100, page, 0x41)],
    ["with a page of zeros", overwrite(page, 2 * page, 0)],
    ["with one changed byte in the middle", overwrite(5 * page + 4000, 5 * page + 4001, 0x5a)],
    ["of which nothing but the first page is left", overwrite(page, Number.MAX_SAFE_INTEGER, 0x41)],
    ["that is cut short", (path) => truncate(path, 6_000)],
    ["that is empty", (path) => truncate(path, 0)],
    ["that is something else", (path) => writeFile(path, "hello\n")],
  ];
  for (const [name, damage] of damages) {
    test(`${name} is rebuilt, and nothing is stored again`, async () => {
      await using machine = await Machine.open();
      await machine.archive();
      await damage(join(machine.paths.state, "test.sqlite"));
      const outcome = await machine.run("archive", "--json");
      expectReported(outcome, { exit: incomplete, message: messages.stateRebuilt });
      expect(JSON.parse(outcome.stdout)).toMatchObject({ bytesStored: 0, warnings: 1, errors: 0 });
      await machine.restoresWhole();
      await machine.isWell();
    });
  }

  test("a folder as state database is reported", async () => {
    await using machine = await Machine.open();
    await mkdir(join(machine.paths.state, "test.sqlite"), { recursive: true });
    await machine.refuses(["archive"], { exit: failed, message: messages.stateUnusable });
    await rm(join(machine.paths.state, "test.sqlite"), { recursive: true });
    await machine.isWell();
  });

  test("a file as state folder is reported", async () => {
    await using machine = await Machine.open();
    await writeFile(machine.paths.state, "");
    await machine.refuses(["archive"], { exit: failed, message: messages.stateUnusable });
    await rm(machine.paths.state);
    await machine.isWell();
  });

  test("a state database that another program is reading is reported", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    {
      using reader = new Database(join(machine.paths.state, "test.sqlite"), { readonly: true });
      reader.run("BEGIN");
      reader.query("SELECT * FROM facts").get();
      await machine.refuses(["archive"], { exit: failed, message: messages.stateOpen });
    }
    await machine.isWell();
  });

  test.skipIf(!isRoot)("root refuses a state folder that belongs to another user", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    const { state } = machine.paths;
    await chown(state, 54_321, 54_321);
    await machine.refuses(["archive"], { exit: failed, message: messages.stateOfOther });
    await chown(state, 0, 0);
    await machine.isWell();
  });

  test.skipIf(!isRoot)("root refuses a state folder in a folder that belongs to another user", async () => {
    await using machine = await Machine.open();
    const theirs = machine.path("theirs");
    await mkdir(theirs);
    await chown(theirs, 54_321, 54_321);
    await machine.configure({ sections: { backup: { state_dir: join(theirs, "state") } } });
    await machine.refuses(["archive"], { exit: failed, message: messages.stateWithinReach });
  });

  test("a state folder that is shared with everybody is refused", async () => {
    await using machine = await Machine.open();
    await machine.archive();
    const other = join(machine.paths.state, "other");
    await writeFile(other, "");
    await chmod(machine.paths.state, 0o1777);
    await machine.refuses(["archive"], { exit: failed, message: messages.stateShared });
    await rm(other);
    await machine.isWell();
  });

  test.skipIf(!mayMount)("a read-only state folder is reported", async () => {
    await using disk = await diskFull(mebibyte);
    await using machine = await Machine.open({ sections: { backup: { state_dir: disk.path } } });
    await remount(disk.path, "ro");
    await machine.refuses(["archive"], { exit: failed, message: messages.stateUnusable });
    await remount(disk.path, "rw");
    await machine.isWell();
  });

  test.skipIf(!mayMount)("a full disk of the state database is reported", async () => {
    await using disk = await diskFull(mebibyte);
    await using machine = await Machine.open({ sections: { backup: { state_dir: disk.path } } });
    const filler = await fill(disk.path, 4096);
    await machine.refuses(["archive"], { exit: failed, message: messages.stateFull });
    await rm(filler);
    await machine.isWell();
  });
});

async function remount(path: string, mode: "ro" | "rw"): Promise<void> {
  await run(["mount", "-o", `remount,${mode}`, path]);
}

/** Fills a disk but for so many bytes, by one file: its path. */
async function fill(folder: string, left: number): Promise<string> {
  const path = join(folder, "filler");
  await run(["sh", "-c", `cat /dev/zero > '${path}' 2>/dev/null || true`]);
  const { size } = Bun.file(path);
  await truncate(path, size - left);
  return path;
}

describe.skipIf(!mayMount)("a bucket on a disk", () => {
  async function machineOn(path: string): Promise<Machine> {
    await mkdir(join(path, "bucket"));
    return Machine.open({ sections: { s3: { bucket: `file://${join(path, "bucket")}` } } });
  }

  test("a full disk keeps its backups, and takes more when there is room", async () => {
    await using disk = await diskFull(mebibyte);
    await using machine = await machineOn(disk.path);
    await machine.archive();
    const before = await machine.newest();
    await machine.nextSecond();
    await writeFile(join(machine.tree, "added"), crypto.getRandomValues(Buffer.alloc(50_000)));
    const filler = await fill(disk.path, 20_000);
    await machine.refuses(["archive"], { exit: failed, message: messages.bucketFull });
    expect(await machine.newest()).toBe(before);
    expect(await machine.run("verify")).toMatchObject({ exit: 0, stderr: "" });
    await rm(filler);
    await machine.isWell();
  });

  test("files are backed up even if there is no room for a dump", async () => {
    await using disk = await diskFull(8 * mebibyte);
    await using machine = await machineOn(disk.path);
    const snapshotter = join(machine.conf, "snapshots.d/large");
    await writeFile(snapshotter, "#!/bin/sh\nhead -c 12000000 /dev/urandom >&$1\n", { mode: 0o755 });
    expectReported(await machine.run("archive"), { exit: incomplete, message: messages.snapshotNotStored });
    await machine.restoresWhole();
    await rm(snapshotter);
    await machine.isWell();
  });

  test("a bucket that is mounted read-only is reported", async () => {
    await using disk = await diskFull(mebibyte);
    await using machine = await machineOn(disk.path);
    await machine.archive();
    await machine.nextSecond();
    await remount(disk.path, "ro");
    await writeFile(join(machine.tree, "added"), "more");
    await machine.refuses(["archive"], { exit: failed, message: messages.bucketReadOnly });
    expect(await machine.run("verify")).toMatchObject({ exit: 0, stderr: "" });
    await remount(disk.path, "rw");
    await machine.isWell();
  });
});

describe("pickers", () => {
  type Case = Reported & { readonly name: string; readonly script: string };
  const cases: readonly Case[] = [
    { name: "that fails", script: "echo 'no database' >&2; exit 5", exit: incomplete, message: messages.pickerFailed },
    { name: "without interpreter", script: "#!/no/such/sh\n", exit: incomplete, message: messages.pickerFailed },
    { name: "that hangs", script: "sleep 60", exit: incomplete, message: messages.pickerSilent },
    {
      name: "that prints no paths",
      script: "echo hello world; echo usage",
      exit: incomplete,
      message: messages.notThere,
      lines: 2,
    },
    {
      name: "that prints endless lines",
      script: "head -c 90000 /dev/zero | tr '\\0' x",
      exit: incomplete,
      message: messages.pickerNonsense,
    },
  ];
  for (const { name, script, ...reported } of cases) {
    test(`a picker ${name} does not stop the others, and works once it is fixed`, async () => {
      await using machine = await Machine.open({
        sections: { content: { picker_timeout: 1 } },
        pickers: { bad: script },
      });
      await machine.refuses(["archive"], reported);
      await machine.restoresWhole();
      await rm(join(machine.conf, "pickers.d/bad"));
      await machine.isWell();
    });
  }

  test("a picker that is switched off by its mode is a notice, and the backup is complete", async () => {
    await using machine = await Machine.open({ pickers: { off: "echo /" } });
    await chmod(join(machine.conf, "pickers.d/off"), 0o644);
    const { exit, stderr } = await machine.run("archive");
    expectReported({ exit, stdout: "", stderr }, { exit: 0, message: messages.pickerOff });
    await machine.restoresWhole();
  });

  test("a folder without pickers is reported", async () => {
    await using machine = await Machine.open();
    await rm(join(machine.conf, "pickers.d/tree"));
    await machine.refuses(["archive"], { exit: usage, message: messages.noPickers });
  });

  test("pickers that pick nothing give an empty backup, with a warning", async () => {
    await using machine = await Machine.open();
    await writeFile(join(machine.conf, "pickers.d/tree"), "#!/bin/sh\n");
    await machine.refuses(["archive"], { exit: incomplete, message: messages.nothingPicked });
  });
});

describe("the target of a restore", () => {
  async function backedUp(): Promise<Machine> {
    const machine = await Machine.open();
    await machine.archive();
    return machine;
  }

  test("a missing parent folder of the target is reported", async () => {
    await using machine = await backedUp();
    const words = ["restore", "test", "--target", machine.path("no/such/target")];
    await machine.refuses(words, { exit: usage, message: messages.targetMissing });
    await machine.restoresWhole();
  });

  test("a file as target is reported", async () => {
    await using machine = await backedUp();
    const words = ["restore", "test", "--target", join(machine.tree, "large")];
    await machine.refuses(words, { exit: usage, message: messages.targetNoFolder });
    await machine.restoresWhole();
  });

  test.skipIf(!mayMount)("a restore to a full disk continues once there is room", async () => {
    await using machine = await backedUp();
    await using disk = await diskFull(mebibyte);
    const filler = await fill(disk.path, 20_000);
    const target = join(disk.path, "target");
    const words = ["restore", "test", "--target", target, "--snapshots", "skip"];
    await machine.refuses(words, { exit: failed, message: messages.targetFull });
    await rm(filler);
    await machine.restoresWhole(target);
  });

  test.skipIf(!mayMount)("a target that is mounted read-only is reported", async () => {
    await using machine = await backedUp();
    await using disk = await diskFull(mebibyte);
    await remount(disk.path, "ro");
    const words = ["restore", "test", "--target", disk.path];
    await machine.refuses(words, { exit: failed, message: messages.targetReadOnly });
    await remount(disk.path, "rw");
    await machine.restoresWhole(disk.path);
  });
});
