import { describe, expect, test } from "bun:test";
import { access, constants, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pickPaths } from "../../core/archive/quilting/pickers/pick.ts";
import { notebook, script } from "../core/archive/scripts.ts";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { examples, take } from "./round-trip.ts";

const scripts = (
  await Promise.all(
    ["pickers.d", "snapshots.d"].map(async (folder) =>
      (await readdir(join(examples, folder))).map((name) => join(folder, name)),
    ),
  )
)
  .flat()
  .sort();
const noShellcheck = Bun.which("shellcheck") === null;

describe.each(scripts)("example %s", (name) => {
  const path = join(examples, name);

  test("every example is executable, and says how to install and restore", async () => {
    await access(path, constants.X_OK);
    const text = await Bun.file(path).text();
    expect(text).toStartWith("#!/bin/sh\n# ");
    expect(text).toContain(`\n# Install: copy it to /etc/backup/${name}, mode 0755`);
    expect(text).toContain("\n# Restore: ");
  });

  test("every example is a valid shell script", () => {
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-n", path]);
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
  });

  test.skipIf(noShellcheck)("shellcheck finds no fault in any example", () => {
    const { stdout } = Bun.spawnSync(["shellcheck", "--shell=sh", path]);
    expect(stdout.toString()).toBe("");
  });
});

test.skipIf(Bun.which("lsblk") === null)("lsblk dumps JSON, and has no restore command", async () => {
  await using taken = await take("lsblk", {});
  expect(taken.heard).toEqual([]);
  expect(taken.ref).toMatchObject({
    exit: 0,
    description: "lsblk: disks, partitions and filesystems, for information",
  });
  expect(taken.ref).not.toHaveProperty("restore_through");
  expect((await taken.read()).toString()).toStartWith(`{\n   "blockdevices": [`);
});

test.skipIf(Bun.which("dpkg") === null)("dpkg-selections dumps what dpkg --set-selections takes", async () => {
  await using taken = await take("dpkg-selections", {});
  expect(taken.ref.exit).toBe(0);
  expect(taken.ref.restore_through).toEndWith("dpkg --set-selections");
  expect((await taken.read()).toString()).toMatch(/^dpkg\t+install$/m);
});

describe("the picker home", () => {
  async function pick(folders: string) {
    await using pickers = await scratch();
    const call = `HOME_FOLDERS='${folders}' exec '${join(examples, "pickers.d/home")}'`;
    await script(pickers.path, "home", call);
    const { heard, notify } = notebook();
    const batches = await Array.fromAsync(pickPaths({ folder: pickers.path, timeoutMs: 10_000, notify }));
    return { paths: batches.flat().map(String).sort(), heard };
  }

  test("the picker home leaves out marked folders, and nothing else", async () => {
    await using home = await scratch();
    const kept = [
      "file",
      "a b*[c]",
      "a b*[c]/.nobackup-not",
      "line\nbreak",
      "line\nbreak/file",
      ".cache",
      "build",
      "tmp",
      "tmp[1]",
      "like",
    ];
    const excluded = [
      ".cache/page",
      "build/CACHEDIR.TAG",
      "build/deep/object",
      "tmp/.nobackup",
      "tmp/x",
      "tmp[1]/.nobackup",
    ];
    const lookalike = "like/CACHEDIR.TAG";
    for (const name of ["a b*[c]", "line\nbreak", ".cache", "build/deep", "tmp", "tmp[1]", "like"])
      await mkdir(join(home.path, name), { recursive: true });
    for (const name of ["file", "a b*[c]/.nobackup-not", "line\nbreak/file", ...excluded, lookalike])
      await Bun.write(join(home.path, name), "");
    await Bun.write(
      join(home.path, "build/CACHEDIR.TAG"),
      "Signature: 8a477f597d28d172789f06886806bc55\n# made by make\n",
    );
    const { paths, heard } = await pick(`/nowhere\n${home.path}`);
    expect(paths).toEqual([home.path, ...[...kept, lookalike].map((name) => join(home.path, name))].sort());
    expect(heard).toEqual([]);
  });

  attack(
    {
      by: "U",
      what: "thousands of a user's folders ask to be left out",
      before: "no home was backed up",
      now: "those that are too many are backed up, too",
    },
    async () => {
      await using home = await scratch();
      await mkdir(join(home.path, "other"));
      for (let number = 0; number < 10_000; number += 1) {
        const folder = join(home.path, `his/${"n".repeat(230)}${number}`);
        await mkdir(folder, { recursive: true });
        await Bun.write(join(folder, ".nobackup"), "");
      }
      const { paths, heard } = await pick(home.path);
      expect(heard).toEqual([]);
      expect(paths).toContain(join(home.path, "other"));
    },
  );

  test("the picker home prints nothing if the folder does not exist", async () => {
    expect(await pick("/nowhere")).toEqual({ paths: [], heard: [] });
  });
});
