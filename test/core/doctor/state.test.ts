/** Checks of the disk, the last run and the state database. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openState, statePath } from "../../../core/archive/state/database.ts";
import { findRunner } from "../../../core/doctor/runner.ts";
import { fromText } from "../../../core/format/path.ts";
import { lockExclusively } from "../../../core/system/files/lock.ts";
import { userId } from "../../../core/system/owners.ts";
import { diskFull, mayMount } from "../../support/faults/disk-full.ts";
import { isRoot } from "../../support/services.ts";
import { patient } from "./patient.ts";

const asBackup = { runner: async () => findRunner(new Map([["User", "backup"]])) };
const canBeBackup = isRoot && userId("backup") !== undefined;

describe("disk", () => {
  test("a disk with room is good, also before the folder exists", async () => {
    await using well = await patient();
    expect(await well.examine("disk")).toMatchObject([
      { state: "good", text: expect.stringContaining("for state_dir") },
      { state: "good", text: expect.stringContaining("for temporary files") },
    ]);
  });

  const rooms = [
    [32, "bad"],
    [200, "warning"],
    [600, "good"],
  ] as const;
  test.skipIf(!mayMount).each(rooms)("a disk with %d MiB free is %s", async (mebibytes, state) => {
    await using full = await diskFull(mebibytes * 1024 ** 2);
    await using ill = await patient({ sections: { backup: { state_dir: join(full.path, "state") } } });
    expect((await ill.examine("disk"))[0]).toMatchObject({
      state,
      text: `${mebibytes} MiB free in "${full.path}", for state_dir`,
    });
  });
});

describe("run and state", () => {
  async function withState(): Promise<Awaited<ReturnType<typeof patient>> & { readonly path: string }> {
    const one = await patient();
    await mkdir(one.state, { mode: 0o700 });
    const path = statePath(one.state, "test");
    openState(path, one.bucketUrl).close();
    return { ...one, path };
  }

  test("before the first archive, there is no run and no state", async () => {
    await using one = await patient();
    expect(await one.examine("state")).toMatchObject([
      { state: "note", text: expect.stringContaining("does not exist yet") },
    ]);
    await mkdir(one.state, { mode: 0o700 });
    expect(await one.examine("state")).toMatchObject([{ state: "note", text: "empty: no archive has run yet" }]);
    expect(await one.examine("run")).toMatchObject([{ state: "good" }]);
  });

  test("after an archive, the database opens", async () => {
    await using one = await withState();
    expect(await one.examine("state")).toEqual([{ check: "state", state: "good", text: `"${one.path}" opens` }]);
  });

  test("while an archive runs, the database is not checked", async () => {
    await using one = await withState();
    const lock = await lockExclusively(fromText(`${one.path}.lock`));
    try {
      const text = `an archive of test runs now, as process ${process.pid}`;
      expect(await one.examine("run")).toMatchObject([{ state: "note", text }]);
      expect(await one.examine("state")).toMatchObject([
        { state: "note", text: expect.stringContaining("not checked") },
      ]);
    } finally {
      lock?.release();
    }
    expect(await one.examine("run")).toMatchObject([{ state: "good" }]);
  });

  test("a killed run is a note, by the log that it leaves", async () => {
    await using one = await withState();
    await writeFile(`${one.path}-wal`, "x");
    expect(await one.examine("state")).toMatchObject([
      { state: "note", text: expect.stringContaining("the next one continues") },
    ]);
  });

  test("a state of another bucket is a note", async () => {
    await using one = await patient();
    await mkdir(one.state, { mode: 0o700 });
    openState(statePath(one.state, "test"), "s3://other").close();
    expect(await one.examine("state")).toMatchObject([
      { state: "note", text: expect.stringContaining("is of another bucket, s3://other") },
    ]);
  });

  test("a damaged state is a warning", async () => {
    await using one = await patient();
    await mkdir(one.state, { mode: 0o700 });
    await writeFile(statePath(one.state, "test"), "x".repeat(8192));
    expect(await one.examine("state")).toMatchObject([{ state: "warning", text: expect.stringContaining("damaged") }]);
  });

  test("a state folder that is open to others is a note, and a warning if it has other files", async () => {
    await using one = await withState();
    await chmod(one.state, 0o755);
    const [exposed, database] = await one.examine("state");
    expect(exposed).toMatchObject({
      state: "note",
      text: `"${one.state}" is open to other users: the next archive closes it`,
    });
    expect(database).toMatchObject({ state: "good" });
    await writeFile(join(one.state, "other"), "");
    expect((await one.examine("state"))[0]).toMatchObject({
      state: "warning",
      remedy: "name a separate folder with state_dir in the [backup] section",
    });
    await chmod(one.state, 0o700);
    expect(await one.examine("state")).toMatchObject([{ state: "good" }]);
  });

  test.skipIf(!isRoot)("a state folder that an archive of root refuses is bad", async () => {
    await using one = await withState();
    const home = dirname(one.state);
    expect(await one.examine("state")).toMatchObject([{ state: "good" }]);
    await chown(home, 54_321, 54_321);
    expect(await one.examine("state")).toMatchObject([
      {
        state: "bad",
        text: expect.stringContaining(`an archive refuses "${one.state}": "${home}" belongs to user 54321`),
      },
    ]);
    await chown(home, 0, 0);
    expect(await one.examine("state")).toMatchObject([{ state: "good" }]);
  });

  test.skipIf(!canBeBackup)("a state that belongs to root is bad for the service", async () => {
    await using one = await withState();
    const [folder] = await one.examine("state", asBackup);
    expect(folder).toMatchObject({ state: "bad", text: `"${one.state}" belongs to root, but backup archives` });
    expect(folder?.remedy).toBe(`chown -R backup: "${one.state}"`);
    await chown(one.state, userId("backup") ?? 0, 0);
    expect(await one.examine("state", asBackup)).toMatchObject([
      { state: "bad", text: `"${one.path}" belongs to root, but backup archives` },
    ]);
    await chown(one.path, userId("backup") ?? 0, 0);
    expect(await one.examine("state", asBackup)).toMatchObject([{ state: "good" }]);
  });
});
