/** The state database has the name of every picked file: it is for its owner alone, and no other user's word is taken for it. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { chmod, chown, link, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { distrust } from "../../../../core/archive/state/distrust.ts";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import { openScratchDatabase } from "../../../../core/system/scratch-database.ts";
import { isRoot } from "../../../support/services.ts";
import { Rig, type RunOptions } from "../rig.ts";

const stranger = 54_321;

const stateOf = (rig: Rig) => join(rig.path, "state");

async function modeOf(path: string): Promise<string> {
  return ((await lstat(path)).mode & 0o7777).toString(8);
}

/** Modes of the state folder and of each file in it. */
async function modesIn(folder: string): Promise<Record<string, string>> {
  const modes: Record<string, string> = { ".": await modeOf(folder) };
  for (const name of await readdir(folder)) modes[name] = await modeOf(join(folder, name));
  return modes;
}

const closed = { ".": "700", "host.sqlite": "600", "host.sqlite.lock": "600", "host.sqlite.sum": "600" };

async function rigWithFiles(): Promise<Rig> {
  const rig = await Rig.make();
  for (const name of ["a", "b", "c"]) await rig.write(name, `content of ${name}`);
  return rig;
}

async function archivedOnce(): Promise<Rig> {
  const rig = await rigWithFiles();
  await rig.run();
  return rig;
}

async function errorOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => "no error",
    (error: unknown) => String(error),
  );
}

/** Nothing is stored again, and the backup has every file. */
async function runsWell(rig: Rig, heard: readonly unknown[] = []): Promise<void> {
  const run = await rig.run();
  expect<readonly unknown[]>(run.heard).toEqual([...heard]);
  expect(run.summary.bytesStored).toBe(0);
  expect(rig.names(run.backup).toSorted()).toEqual(["a", "b", "c"]);
}

describe("the files of the state", () => {
  test("the files of the state are readable by their owner alone, during a run and after it, whatever the umask", async () => {
    await using rig = await rigWithFiles();
    await rm(stateOf(rig), { recursive: true });
    const before = process.umask(0);
    let during: Record<string, string> = {};
    const around = (bucket: Bucket) =>
      wrapBucket(bucket, {
        put: async (...args) => {
          during = await modesIn(stateOf(rig));
          return bucket.put(...args);
        },
      });
    try {
      await rig.run({ around });
    } finally {
      process.umask(before);
    }
    const { "host.sqlite.sum": _, ...whileOpen } = closed;
    // No file is mapped: a page that a full disk has no room for would end the process.
    expect(during).toEqual({ ...whileOpen, "host.sqlite-wal": "600" });
    expect(await modesIn(stateOf(rig))).toEqual(closed);
  });

  test("the files of the state that an older version left open are closed by the next run, and still believed", async () => {
    await using rig = await archivedOnce();
    await chmod(stateOf(rig), 0o755);
    for (const name of await readdir(stateOf(rig))) await chmod(join(stateOf(rig), name), 0o644);
    await runsWell(rig);
    expect(await modesIn(stateOf(rig))).toEqual(closed);
  });

  test("the files of the state are closed in a folder that holds other things too, and the folder stays as it is", async () => {
    await using rig = await archivedOnce();
    await writeFile(join(stateOf(rig), "other"), "", { mode: 0o644 });
    await chmod(stateOf(rig), 0o755);
    await chmod(rig.statePath(), 0o644);
    await runsWell(rig);
    expect(await modesIn(stateOf(rig))).toEqual({ ...closed, ".": "755", other: "644" });
  });

  const doubts: [what: string, plant: (path: string) => Promise<void>, why: string][] = [
    ["that others could write", (path) => chmod(path, 0o666), "could be written by other users"],
    ["that has another name elsewhere", (path) => link(path, `${path}-elsewhere`), "has another name elsewhere"],
    [
      "that is a link to the state",
      async (path) => {
        await rename(path, join(path, "../../moved"));
        await symlink("../moved", path);
      },
      "is not a regular file",
    ],
  ];
  test.each(doubts)("%s is not believed, but rebuilt from the index", async (_, plant, why) => {
    await using rig = await archivedOnce();
    await plant(rig.statePath());
    await runsWell(rig, [expect.stringMatching(new RegExp(`^warning state-rebuilt: .*${why}`))]);
    await runsWell(rig);
    expect(await modeOf(rig.statePath())).toBe("600");
  });

  test.skipIf(!isRoot)(
    "a state database that belongs to another user is not believed by root, but rebuilt from the index",
    async () => {
      await using rig = await archivedOnce();
      await chown(rig.statePath(), stranger, stranger);
      await runsWell(rig, [expect.stringContaining(`host.sqlite" belongs to user ${stranger}; it is`)]);
      expect(await lstat(rig.statePath())).toMatchObject({ uid: 0 });
    },
  );

  test.each([".sum", "-wal", "-shm", "-journal"])("a link named %s overwrites nothing elsewhere", async (suffix) => {
    await using rig = await archivedOnce();
    const victim = join(rig.path, "victim");
    await writeFile(victim, "untouched", { mode: 0o644 });
    await rm(rig.statePath() + suffix, { force: true });
    await symlink(victim, rig.statePath() + suffix);
    await runsWell(rig, [expect.stringContaining("is not a regular file")]);
    expect([await readFile(victim, "utf8"), await modeOf(victim)]).toEqual(["untouched", "644"]);
  });
});

describe("a state folder", () => {
  test("a state folder that every user can write and that holds other things is refused, and stays as it is", async () => {
    await using rig = await rigWithFiles();
    await writeFile(join(stateOf(rig), "other"), "");
    await chmod(stateOf(rig), 0o1777);
    expect(await errorOf(rig.run())).toContain(
      `cannot use the state folder "${stateOf(rig)}": every user can write there; name a folder of its own with state_dir`,
    );
    expect([await readdir(stateOf(rig)), await modeOf(stateOf(rig))]).toEqual([["other"], "1777"]);
  });

  test("a state folder that every user could write and that holds nothing else is closed", async () => {
    await using rig = await rigWithFiles();
    await chmod(stateOf(rig), 0o777);
    await rig.run();
    expect(await modesIn(stateOf(rig))).toEqual(closed);
  });

  const attacks: [what: string, plant: (rig: Rig) => Promise<void>, why: string][] = [
    [
      "that belongs to another user",
      (rig) => chown(stateOf(rig), stranger, stranger),
      `it belongs to user ${stranger}, who could replace what lies there; run it as that user`,
    ],
    [
      "in a folder of another user",
      async (rig) => {
        await chown(rig.path, stranger, stranger);
      },
      `belongs to user ${stranger}, who could replace what lies there; name another folder`,
    ],
    [
      "in a folder that every user can write",
      (rig) => chmod(rig.path, 0o777),
      "can be changed by every user, who could replace what lies there; name another folder",
    ],
  ];
  test.skipIf(!isRoot).each(attacks)("%s is refused by root", async (_, plant, why) => {
    await using rig = await archivedOnce();
    await plant(rig);
    expect(await errorOf(rig.run({ job: { insecurePickers: true } }))).toContain(why);
  });

  test.skipIf(!isRoot)("a state folder is not made in a folder of another user by root", async () => {
    await using rig = await rigWithFiles();
    const home = join(rig.path, "home");
    await mkdir(home);
    await chown(home, stranger, stranger);
    const { config } = rig.job(() => {}, rig.bucket);
    const backup = { ...config.backup, stateDir: join(home, "a", "state") };
    const options: RunOptions = { job: { config: { ...config, backup } } };
    expect(await errorOf(rig.run(options))).toContain(`"${home}" belongs to user ${stranger}`);
    expect(await readdir(home)).toEqual([]);
    await chown(home, 0, 0);
    await rig.run(options);
    expect(await modeOf(backup.stateDir)).toBe("700");
  });

  test.skipIf(!isRoot)("a state folder of another user gets no note of damage from root", async () => {
    await using rig = await archivedOnce();
    await chown(stateOf(rig), stranger, stranger);
    const { config } = rig.job(() => {}, rig.bucket);
    expect(await errorOf(distrust(config, rig.bucket.url, []))).toContain(`belongs to user ${stranger}`);
  });
});

test("a database that does not fit into memory goes to a file that only its owner can read", () => {
  const others = new Set(deletedFiles().map(({ fd }) => fd));
  const before = process.umask(0);
  try {
    using scratch = openScratchDatabase("CREATE TEMP TABLE names (name TEXT)");
    const insert = scratch.query("INSERT INTO names VALUES (?)");
    scratch.transaction(() => {
      for (let number = 0; number < 20_000; number += 1) insert.run(`${number}`.padEnd(1000, "x"));
    })();
    const made = deletedFiles().filter(({ fd }) => !others.has(fd));
    expect(made.map(({ mode }) => mode)).toEqual(["600"]);
  } finally {
    process.umask(before);
  }
});

/** Open files of this process that have no name any more, and hold something. */
function deletedFiles(): { readonly fd: string; readonly mode: string }[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = `/proc/self/fd/${fd}`;
      const { mode, size } = statSync(path);
      return readlinkSync(path).includes("(deleted)") && size > 0 ? [{ fd, mode: (mode & 0o7777).toString(8) }] : [];
    } catch {
      return [];
    }
  });
}
