/** Pickers that print all there is, the state and the bucket of the run itself among it. */
import { describe, expect, test } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Rig } from "../rig.ts";
import { script } from "../scripts.ts";

async function everything(): Promise<Rig> {
  const rig = await Rig.make();
  await script(join(rig.path, "pickers.d"), "all", `find '${rig.path}' -xdev -print0`);
  await rig.write("file", "file");
  return rig;
}

const within = (rig: Rig, paths: Iterable<string>, folder: string) =>
  [...paths].filter((path) => path.startsWith(join(rig.path, folder)));

describe("what the program itself writes", () => {
  test("the state folder and the bucket are skipped with one notice each, in every run, whatever is in them", async () => {
    await using rig = await everything();
    for (let run = 0; run < 3; run += 1) {
      const { heard, backup, summary } = await rig.run();
      expect(heard).toEqual([
        `info own-skipped: "${rig.path}/bucket" is not kept: it is the bucket itself`,
        `info own-skipped: "${rig.path}/state" is not kept: it is the state of this program`,
      ]);
      expect(within(rig, backup.entries.keys(), "bucket")).toEqual([]);
      expect(within(rig, backup.entries.keys(), "state")).toEqual([]);
      expect(backup.entries.has(rig.file("file"))).toBe(true);
      expect([summary.warnings, summary.errors]).toEqual([0, 0]);
    }
  });

  test("a state folder that holds other things, too, is kept without the state", async () => {
    await using rig = await everything();
    await writeFile(join(rig.path, "state", "notes"), "notes");
    const { heard, backup, summary } = await rig.run();
    expect(within(rig, backup.entries.keys(), "state")).toEqual([
      join(rig.path, "state"),
      join(rig.path, "state/notes"),
    ]);
    expect(heard.filter((notice) => notice.includes("it is the state of this program")).length).toBeGreaterThan(1);
    expect(summary.warnings).toBe(0);
  });

  test("both are known whatever way leads to them, and a folder of the same name elsewhere is kept", async () => {
    await using rig = await everything();
    await symlink(join(rig.path, "state"), rig.file("link"));
    await mkdir(rig.file("state"));
    await rig.write("state/host.sqlite", "somebody's");
    await script(join(rig.path, "pickers.d"), "link", `printf '${rig.file("link")}/host.sqlite\\0'`);
    const { backup } = await rig.run();
    expect(within(rig, backup.entries.keys(), "state")).toEqual([]);
    expect((await backup.read(rig.file("state/host.sqlite"))).toString()).toBe("somebody's");
  });
});
