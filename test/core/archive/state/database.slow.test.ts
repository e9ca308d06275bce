import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { checksumPath } from "../../../../core/archive/state/checksum.ts";
import { fact, openState, removeState, setFact, stateError } from "../../../../core/archive/state/database.ts";
import { lockState, makeStateDir } from "../../../../core/archive/state/folder.ts";
import { exitStatus, Failure } from "../../../../core/failure.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { noise } from "../noise.ts";
import { Rig } from "../rig.ts";

const pageSize = 4096;

/** A rig that has archived some hundred files once: its database has pages of every table. */
async function archivedOnce(): Promise<Rig> {
  const rig = await Rig.make();
  for (let number = 0; number < 80; number += 1) {
    await rig.write(`folder${number % 7}/${"long name ".repeat(10)}${number}`, `content of file ${number}`);
  }
  await rig.write("large", noise(700_000));
  await rig.run();
  return rig;
}

/** Runs again with a database that was tampered with; all must be as it was, and no content be stored again. */
async function runAgain(rig: Rig): Promise<readonly string[]> {
  const packs = await rig.keys("packs/");
  const { heard, backup, summary } = await rig.run();
  expect(await rig.keys("packs/")).toEqual(packs);
  expect(summary.bytesStored).toBe(0);
  expect(backup.entries.size).toBeGreaterThan(88);
  expect((await backup.read(rig.file("large"))).equals(noise(700_000))).toBe(true);
  expect(backup.manifest.log.map(({ code }) => code)).toEqual(heard.map((line) => line.split(/[ :]/)[1] ?? ""));
  return heard;
}

const rebuilt =
  /^warning state-rebuilt: the state database ".*host\.sqlite" cannot be used: .*; it is rebuilt from the bucket's index$/;

describe("a damaged state database", () => {
  const damages: [string, (path: string) => Promise<void>][] = [
    ["with a damaged header", (path) => overwrite(path, 0, noise(100))],
    ["that is no database", (path) => writeFile(path, "something else altogether, ".repeat(1000))],
    ["that is empty", (path) => truncate(path, 0)],
    ["cut in the middle", async (path) => truncate(path, Math.floor((await stat(path)).size / 2))],
    ["with one other bit", (path) => overwrite(path, 10_000, Buffer.of(0xa5))],
    ["cut within a page", async (path) => truncate(path, (await stat(path)).size - 100)],
    [
      "with all pages but the first overwritten",
      async (path) => overwrite(path, pageSize, noise((await stat(path)).size - pageSize)),
    ],
  ];
  test.each(damages)("a state database %s is rebuilt, with a notice", async (_, damage) => {
    await using rig = await archivedOnce();
    await damage(rig.statePath());
    expect(await runAgain(rig)).toEqual([expect.stringMatching(rebuilt)]);
    expect(await runAgain(rig)).toEqual([]);
  });

  const lost: [string, (path: string) => Promise<void>][] = [
    ["that is gone", (path) => rm(path)],
    ["that is gone with all that belongs to it", (path) => removeState(path)],
    ["with garbage for a write-ahead log", (path) => writeFile(`${path}-wal`, noise(100_000))],
    ["with garbage for the log's index", (path) => writeFile(`${path}-shm`, noise(32_768))],
  ];
  test.each(lost)("%s is no matter", async (_, lose) => {
    await using rig = await archivedOnce();
    await lose(rig.statePath());
    expect(await runAgain(rig)).toEqual([]);
  });

  test.each(damages.slice(0, 4))(
    "a state database %s is rebuilt even if a killed run left no checksum",
    async (_, damage) => {
      await using rig = await archivedOnce();
      await rm(checksumPath(rig.statePath()));
      await damage(rig.statePath());
      const heard = await runAgain(rig);
      // An empty file is an empty database.
      expect(heard.filter((line) => !rebuilt.test(line))).toEqual([]);
    },
  );

  test("whichever page is damaged, the run completes without a checksum too", async () => {
    await using rig = await archivedOnce();
    const sound = await readFile(rig.statePath());
    let noticed = 0;
    for (let page = 1; page * pageSize < sound.length; page += 1) {
      await removeState(rig.statePath());
      await writeFile(rig.statePath(), sound);
      await overwrite(rig.statePath(), page * pageSize, page % 2 === 0 ? Buffer.alloc(pageSize) : noise(pageSize));
      const heard = await runAgain(rig);
      for (const line of heard) expect(line).toMatch(rebuilt);
      noticed += heard.length;
    }
    expect(noticed).toBeGreaterThan(10);
  });

  test("a state database that refers to an object it does not have is rebuilt", async () => {
    await using rig = await archivedOnce();
    using database = openState(rig.statePath(), rig.bucket.url);
    database.run("DELETE FROM objects");
    database.close();
    await rm(checksumPath(rig.statePath()));
    expect(await runAgain(rig)).toEqual([expect.stringMatching(rebuilt)]);
  });

  async function overwrite(path: string, at: number, bytes: Uint8Array): Promise<void> {
    const file = await open(path, "r+");
    await file.write(bytes, 0, bytes.length, at);
    await file.close();
  }
});

describe("the state database", () => {
  test("the state database keeps its facts, for the same bucket", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "host.sqlite");
    const first = openState(path, "s3://one");
    setFact(first, "accounts", "x");
    first.close();
    const second = openState(path, "s3://one");
    expect(fact(second, "accounts")).toBe("x");
    second.close();
  });

  test("the state database of another bucket, or of a later version, starts empty", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "host.sqlite");
    for (const change of ["", "PRAGMA user_version = 99"]) {
      const before = openState(path, "s3://one");
      setFact(before, "accounts", "x");
      if (change !== "") before.run(change);
      before.close();
      const after = openState(path, change === "" ? "s3://two" : "s3://one");
      expect(fact(after, "accounts")).toBeUndefined();
      after.close();
    }
  });

  test("the state database of an earlier version gives back its room, as it starts empty", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "host.sqlite");
    const before = openState(path, "s3://one");
    setFact(before, "large", "x".repeat(1_000_000));
    before.run("PRAGMA user_version = 4");
    before.close();
    expect((await stat(path)).size).toBeGreaterThan(1_000_000);
    openState(path, "s3://one").close();
    expect((await stat(path)).size).toBeLessThan(200_000);
  });

  test("the state database that cannot be used is a failure that names it", async () => {
    await using folder = await scratch();
    await mkdir(join(folder.path, "host.sqlite"));
    expect(() => openState(join(folder.path, "host.sqlite"), "s3://one")).toThrow(
      /^cannot use the state folder ".*host\.sqlite": .*; make it writable, or name another with state_dir/,
    );
    await writeFile(join(folder.path, "file"), "");
    expect(makeStateDir(join(folder.path, "file", "state"))).rejects.toThrow("cannot use the state folder");
  });

  test("the state database that another program has open says so, and is used again once it is closed", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "host.sqlite");
    openState(path, "s3://one").close();
    {
      using other = new Database(path, { readonly: true });
      other.run("BEGIN");
      other.query("SELECT * FROM facts").get();
      expect(() => openState(path, "s3://one")).toThrow(
        /: database is locked; close the program that has the database open \(lsof shows it\), or name another/,
      );
    }
    openState(path, "s3://one").close();
  });

  test("errors of SQLite on the way are reported as failures, all others as they are", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "host.sqlite");
    const database = openState(path, "s3://one");
    database.run("PRAGMA max_page_count = 20");
    try {
      for (let number = 0; ; number += 1) setFact(database, `fact ${number}`, "x".repeat(1000));
    } catch (error) {
      const reported = stateError(path, error);
      expect(reported).toBeInstanceOf(Failure);
      expect(String(reported)).toContain(
        "database or disk is full; free some space there, or name another with state_dir",
      );
    }
    database.close();
    const other = new Error("other");
    expect(stateError(path, other)).toBe(other);
  });

  test("the state database is private to its owner", async () => {
    await using folder = await scratch();
    const state = join(folder.path, "a", "state");
    await makeStateDir(state);
    expect((await stat(state)).mode & 0o777).toBe(0o700);
  });
});

describe("the run lock", () => {
  test("the run lock keeps a second run out until it is released", async () => {
    await using folder = await scratch();
    const path = join(folder.path, "host.sqlite.lock");
    const lock = await lockState(path);
    const second = await lockState(path).catch((error: unknown) => error);
    expect(second).toBeInstanceOf(Failure);
    expect(String(second)).toContain("another run holds its lock; wait for it to end (lslocks shows its process)");
    lock.release();
    (await lockState(path)).release();
  });

  test("the run lock that cannot be made is a failure that names it", async () => {
    await using folder = await scratch();
    await symlink("elsewhere", join(folder.path, "link"));
    const failed = await lockState(join(folder.path, "link")).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Failure);
    expect(failed instanceof Failure && failed.exit).toBe(exitStatus.failed);
    expect(existsSync(join(folder.path, "elsewhere"))).toBe(false);
  });
});
