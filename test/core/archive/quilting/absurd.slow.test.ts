/** Files of a user that say absurd things of themselves, which must not spoil the backups of others. */

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack } from "../../../support/attack.ts";
import { python3 } from "../../../support/python.ts";
import { mayMountForUser, usersFilesystem } from "../../../support/users-filesystem.ts";
import { Rig } from "../rig.ts";
import { script } from "../scripts.ts";

/** A folder on tmpfs, which takes any size and time. */
async function withMemoryFolder(use: (rig: Rig, at: (name: string) => string) => Promise<void>): Promise<void> {
  await using rig = await Rig.make();
  const folder = join("/dev/shm", `sysbackup-${crypto.randomUUID()}`);
  mkdirSync(folder);
  try {
    await script(join(rig.path, "pickers.d"), "memory", `find '${folder}' -print0`);
    writeFileSync(join(folder, "other"), "of somebody else");
    await use(rig, (name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("what a manifest cannot hold", () => {
  attack(
    {
      by: "U",
      what: "a sparse file of 8 EiB",
      before: "the whole backup unreadable",
      now: "it alone is left out by name",
    },
    () =>
      withMemoryFolder(async (rig, at) => {
        execFileSync("truncate", ["-s", "9223372036854775807", at("huge")]);
        const { backup, heard } = await rig.run();
        expect(heard).toEqual([
          `warning unreadable: "${at("huge")}" is not in the backup: a manifest cannot describe it: an entry is malformed at size: Too big: expected int to be <=9007199254740991`,
        ]);
        expect(String(await backup.read(at("other")))).toBe("of somebody else");
      }),
  );

  attack(
    {
      by: "U",
      what: "sparse files of more than 8 PiB together",
      before: "the whole backup unreadable",
      now: "their sum is inexact",
    },
    () =>
      withMemoryFolder(async (rig, at) => {
        for (const name of ["a", "b"]) execFileSync("truncate", ["-s", "9007199254740991", at(name)]);
        const { backup, heard } = await rig.run();
        expect(heard).toEqual([]);
        expect(backup.manifest.totals.bytes).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
        expect(String(await backup.read(at("other")))).toBe("of somebody else");
      }),
  );

  attack(
    {
      by: "U",
      what: "a time in 292 billion years",
      before: "a part of the manifest unreadable",
      now: "it becomes one in 31 million years",
    },
    () =>
      withMemoryFolder(async (rig, at) => {
        for (const [name, time] of Object.entries({ future: "@9223372036854775807", past: "@-9223372036854775808" }))
          execFileSync("touch", ["-d", time, at(name)]);
        const { backup, heard } = await rig.run();
        expect(heard).toEqual([]);
        const times = ["future", "past"].map((name) => backup.entries.get(at(name))?.modified.seconds);
        expect(times).toEqual([999_999_999_999_999, -999_999_999_999_999]);
        expect(String(await backup.read(at("other")))).toBe("of somebody else");
      }),
  );

  attack(
    {
      by: "U",
      what: "a file with 128 MiB of extended attributes",
      before: "all in memory, several times",
      now: "it is kept with 1 MiB of them, and a warning",
    },
    () =>
      withMemoryFolder(async (rig, at) => {
        const set = `import os, sys
open(sys.argv[1], "w")
for number in range(2048): os.setxattr(sys.argv[1], f"user.{number}", bytes(65536))`;
        // Not every kernel lets users set attributes in memory.
        if (Bun.spawnSync([python3, "-c", set, at("laden")]).exitCode !== 0) return;
        const { backup, heard } = await rig.run();
        expect(heard).toEqual([
          `warning attributes-unreadable: "${at("laden")}" is kept without some of its attributes or ACLs: getxattr: it has more than 1 MiB of extended attributes`,
        ]);
        expect(String(await backup.read(at("other")))).toBe("of somebody else");
      }),
  );

  test("twin: the largest size and the oldest and latest usual times are kept as they are", () =>
    withMemoryFolder(async (rig, at) => {
      writeFileSync(at("large"), "");
      truncateSync(at("large"), Number.MAX_SAFE_INTEGER);
      for (const time of ["1", "-1", "99999999999"]) execFileSync("touch", ["-d", `@${time}`, at(time)]);
      const { backup } = await rig.run();
      expect(backup.entries.get(at("large"))).toMatchObject({ size: Number.MAX_SAFE_INTEGER });
      const times = ["1", "-1", "99999999999"].map((time) => backup.entries.get(at(time))?.modified.seconds);
      expect(times).toEqual([1, -1, 99_999_999_999]);
    }));
});

describe.skipIf(!mayMountForUser)("a user's filesystem", () => {
  attack(
    {
      by: "U",
      what: "a user's FUSE filesystem shows files as root's, with setuid",
      before: "stored as root's, and restored so",
      now: "it is left out by name",
    },
    async () => {
      await using rig = await Rig.make();
      mkdirSync(rig.file("his"));
      writeFileSync(rig.file("other"), "of somebody else");
      await using _ = await usersFilesystem(rig.file("his"));
      const { backup, heard } = await rig.run();
      expect(heard).toEqual([
        `warning unreadable: "${rig.file("his")}" is not in the backup: it is in a filesystem that nobody has mounted, which can claim any owner`,
      ]);
      expect(backup.entries.has(rig.file("his"))).toBe(false);
      expect(String(await backup.read(rig.file("other")))).toBe("of somebody else");
    },
  );
});
