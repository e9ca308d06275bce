/** Folders that change place with links and with one another while a backup is made. */

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { attack } from "../../../support/attack.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { python3 } from "../../../support/python.ts";
import { isRoot } from "../../../support/services.ts";
import { Rig, type RigRun } from "../rig.ts";
import { script } from "../scripts.ts";
import { attacker, canAttack } from "./attacker.ts";
import { expectInnocent, neighbours } from "./neighbours.ts";

/** The rig's run, during which something happens once, when all paths are picked and the first of them are being read. */
async function runWith(rig: Rig, happening: () => void): Promise<RigRun> {
  // A pause comes after 500 paths: these stand before all others.
  mkdirSync(rig.file("!"));
  for (let number = 0; number < 600; number += 1) writeFileSync(rig.file("!", String(number)), "");
  await script(join(rig.path, "pickers.d"), "first", `find '${rig.file("!")}'`);
  let happened = false;
  const progress = () => {
    if (!happened) happening();
    happened = true;
  };
  const run = await rig.run({ job: { progress } });
  expect(happened).toBe(true);
  return run;
}

const left = (path: string) =>
  `warning folder-changed: "${path}" is not in the backup: the folder that it lies in became something else after it was picked`;

describe("a folder that became a link to another after its files were picked", () => {
  function swapForLink(rig: Rig): void {
    renameSync(rig.file("user/d"), rig.file("user/moved"));
    symlinkSync(rig.file("private"), rig.file("user/d"));
    if (isRoot) lchownSync(rig.file("user/d"), attacker.uid, attacker.gid);
  }

  attack(
    {
      by: "U",
      what: "a folder becomes a link to another after its files were picked",
      before: "files of another folder stored",
      now: "what lies behind it is left out by name",
    },
    async () => {
      await using rig = await neighbours(["a", "b"]);
      const run = await runWith(rig, () => swapForLink(rig));
      expect(run.heard).toEqual(["a", "b"].map((name) => left(rig.file("user/d", name))));
      await expectInnocent(rig, run);
      expect(run.backup.entries.get(rig.file("user/d"))?.type).toBe("link");
      expect(run.backup.entries.has(rig.file("user/d/a"))).toBe(false);
    },
  );

  test("a folder that became a link to another after its files were picked stays as it was looked at if nothing in it changed", async () => {
    await using rig = await neighbours(["a", "b"]);
    await rig.run();
    const run = await runWith(rig, () => swapForLink(rig));
    expect(run.heard).toEqual([]);
    await expectInnocent(rig, run);
    expect(run.backup.entries.get(rig.file("user/d"))?.type).toBe("folder");
    expect((await run.backup.read(rig.file("user/d/b"))).toString()).toBe("mine");
  });

  const swaps: [string, (rig: Rig) => void][] = [
    ["a link", swapForLink],
    [
      "another folder",
      (rig) => {
        renameSync(rig.file("user/d"), rig.file("user/moved"));
        mkdirSync(rig.file("user/d"));
        if (isRoot) lchownSync(rig.file("user/d"), attacker.uid, attacker.gid);
      },
    ],
    ["nothing", (rig) => renameSync(rig.file("user/d"), rig.file("user/moved"))],
  ];
  test.each(swaps)(
    "a folder that became %s after its files were picked takes the unchanged ones with it if another one has changed",
    async (_, swap) => {
      await using rig = await neighbours(["a", "b"]);
      await rig.write("user/d/deep/er", "mine");
      await script(join(rig.path, "pickers.d"), "deep", `find '${rig.file("user/d/deep")}'`);
      await rig.run();
      writeFileSync(rig.file("user/d/a"), "mine");
      const run = await runWith(rig, () => swap(rig));
      expect(run.heard.map((line) => line.split(": ")[1]?.split(" ")[0]).sort()).toEqual(
        expect.arrayContaining(["a", "b", "deep", "deep/er"].map((name) => `"${rig.file("user/d", name)}"`)),
      );
      await expectInnocent(rig, run);
      expect(rig.names(run.backup).filter((name) => name.startsWith("user/d/"))).toEqual([]);
      const { summary, backup } = run;
      expect(summary.files).toBe([...backup.entries.values()].filter(({ type }) => type === "file").length);
      expect(summary.entries).toBe(backup.entries.size);
    },
  );

  test("a folder that became a link to another after its files were picked above the folder of a file leaves that file out, too", async () => {
    await using rig = await neighbours(["a"]);
    mkdirSync(rig.file("private/d"));
    writeFileSync(rig.file("private/d/a"), "a secret of root");
    const run = await runWith(rig, () => {
      renameSync(rig.file("user"), rig.file("moved"));
      symlinkSync(rig.file("private"), rig.file("user"));
    });
    expect(run.heard).toEqual(["user/d", "user/d/a"].map((name) => left(rig.file(name))));
    expect(rig.names(run.backup).filter((name) => name.startsWith("user"))).toEqual(["user"]);
  });
});

describe("a folder that changes place with a private one after it was recorded", () => {
  /** `shared/a` is reached, then paths in it pass by, then it becomes root's private folder, and its last file comes. */
  async function exchanged(between: (folder: string) => void): Promise<{ rig: Rig; run: RigRun }> {
    const rig = await Rig.make();
    for (const folder of ["shared", "shared/a", "private"]) mkdirSync(rig.file(folder));
    for (const folder of ["shared/a", "private"]) writeFileSync(rig.file(folder, "z"), folder);
    chmodSync(rig.file("private"), 0o700);
    between(rig.file("shared/a"));
    await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("shared")}'`);
    let happened = false;
    const progress = () => {
      if (happened) return;
      happened = true;
      renameSync(rig.file("shared/a"), rig.file("shared/other"));
      renameSync(rig.file("private"), rig.file("shared/a"));
    };
    return { rig, run: await rig.run({ job: { progress } }) };
  }

  attack(
    {
      by: "U",
      what: "a folder is exchanged with a private folder that the user may rename",
      before: "secrets stored",
      now: "it is read as the folder that was recorded",
    },
    async () => {
      const { rig, run } = await exchanged((folder) => {
        for (let number = 0; number < 600; number += 1) writeFileSync(join(folder, String(number)), "");
      });
      await using _ = rig;
      expect(run.heard).toEqual([]);
      expect(run.backup.entries.get(rig.file("shared/a"))?.mode).toBe(0o755);
      expect((await run.backup.read(rig.file("shared/a/z"))).toString()).toBe("shared/a");
    },
  );

  attack(
    {
      by: "U",
      what: "a folder that had to be closed is exchanged before it is opened again",
      before: "secrets stored",
      now: "it is not reached again",
    },
    async () => {
      const { rig, run } = await exchanged((folder) => {
        let deep = folder;
        for (let depth = 0; depth < 60; depth += 1) {
          deep = join(deep, "d");
          mkdirSync(deep);
          for (let number = 0; number < 10; number += 1) writeFileSync(join(deep, String(number)), "");
        }
      });
      await using _ = rig;
      expect(run.heard).toEqual([left(rig.file("shared/a/z"))]);
      expect(run.backup.entries.has(rig.file("shared/a/z"))).toBe(false);
    },
  );
});

describe("of what changes for good reasons", () => {
  test("a renamed folder is backed up as it was picked", async () => {
    await using rig = await Rig.make();
    mkdirSync(rig.file("a"));
    for (let number = 0; number < 600; number += 1) writeFileSync(rig.file("a", String(number)), String(number));
    const rename = () => renameSync(rig.file("a"), rig.file("b"));
    let renamed = false;
    const progress = () => {
      if (!renamed) rename();
      renamed = true;
    };
    const { heard, backup } = await rig.run({ job: { progress } });
    expect(heard).toEqual([]);
    expect(rig.names(backup)).toHaveLength(601);
    expect((await backup.read(rig.file("a/599"))).toString()).toBe("599");
  });

  test("a removed folder and what was in it are reported as vanished", async () => {
    await using rig = await neighbours(["a", "b"]);
    const run = await runWith(rig, () => rmSync(rig.file("user/d"), { recursive: true }));
    const gone = ["user/d", "user/d/a", "user/d/b"].map((name) => rig.file(name));
    expect(run.heard).toEqual(gone.map((path) => `warning vanished: "${path}" vanished before it was read`));
  });

  test("a linked folder is followed and recorded in its own place", async () => {
    await using rig = await Rig.make();
    mkdirSync(rig.file("real"));
    writeFileSync(rig.file("real/f"), "content");
    symlinkSync("real", rig.file("link"));
    await script(join(rig.path, "pickers.d"), "all", `echo '${rig.file("link/f")}'`);
    const { heard, backup } = await rig.run();
    expect(heard).toEqual([]);
    expect(rig.names(backup)).toEqual(["link", "real", "real/f"]);
    expect((await backup.read(rig.file("real/f"))).toString()).toBe("content");
  });

  test.skipIf(!isRoot)("a folder under which another is mounted is backed up as what is mounted", async () => {
    await using rig = await Rig.make();
    for (const folder of ["real", "mounted"]) mkdirSync(rig.file(folder));
    writeFileSync(rig.file("real/f"), "content");
    execFileSync("mount", ["--bind", rig.file("real"), rig.file("mounted")]);
    try {
      const { heard, backup } = await rig.run();
      expect(heard).toEqual([]);
      expect((await backup.read(rig.file("mounted/f"))).toString()).toBe("content");
    } finally {
      execFileSync("umount", [rig.file("mounted")]);
    }
  });
});

/** Containers may not mount, and not every kernel has autofs. */
async function automounted(folder: string): Promise<AsyncDisposable | undefined> {
  const command = [python3, join(import.meta.dir, "automount.py"), folder];
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
  const { value } = await child.stdout.getReader().read();
  if (value === undefined) return undefined;
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await child.exited;
    },
  };
}

const canAutomount = await (async () => {
  if (!canAttack) return false;
  await using place = await scratch();
  await using mounted = await automounted(place.path);
  return mounted !== undefined;
})();

describe.skipIf(!canAutomount)("a folder that is mounted when somebody looks into it", () => {
  test("a folder that is mounted when somebody looks into it is mounted again for its files if it was unmounted since they were picked", async () => {
    await using rig = await Rig.make();
    mkdirSync(rig.file("auto"));
    await using _ = (await automounted(rig.file("auto"))) ?? (await scratch());
    await script(join(rig.path, "pickers.d"), "all", `find '${rig.file("auto")}/f'`);
    const run = await runWith(rig, () => execFileSync("umount", [rig.file("auto")]));
    expect(run.heard).toEqual([]);
    expect((await run.backup.read(rig.file("auto/f"))).toString()).toBe("content");
  });

  test("a folder that is mounted when somebody looks into it is not mounted for its own sake", async () => {
    await using rig = await Rig.make();
    mkdirSync(rig.file("auto"));
    await using _ = (await automounted(rig.file("auto"))) ?? (await scratch());
    await script(join(rig.path, "pickers.d"), "all", `echo '${rig.file("auto")}'`);
    const run = await rig.run();
    expect(run.heard).toEqual([]);
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n");
    expect(mounts.filter((line) => line.includes(` ${rig.file("auto")} `))).toHaveLength(1);
  });
});

describe.skipIf(!canAttack)("a folder of the user's that another one follows with the same inode", () => {
  /** Makes a private folder of root's with a wanted inode, which the filesystem may give again; false if it does not. */
  function makeAgain(rig: Rig, wanted: bigint): boolean {
    for (let tries = 0; tries < 200; tries += 1) {
      const path = rig.file(`user/try${tries}`);
      mkdirSync(path, { mode: 0o700 });
      if (lstatSync(path, { bigint: true }).ino !== wanted) continue;
      writeFileSync(join(path, "f"), "a secret of root");
      renameSync(path, rig.file("user/d"));
      return true;
    }
    return false;
  }

  attack(
    {
      by: "U",
      what: "root's private folder takes the place and the inode of the user's, which was recorded",
      before: "its files stored in the user's folder",
      now: "it was born later, and what is in it is left out",
    },
    async () => {
      // On a disk: in memory, no inode is used again.
      await using rig = await neighbours(["f"], "/var/tmp");
      // Between the folder and what lies in it, so that it is not open.
      mkdirSync(rig.file("user/d!"));
      for (let number = 0; number < 1_200; number += 1) writeFileSync(rig.file("user/d!", String(number)), "");
      await script(join(rig.path, "pickers.d"), "between", `find '${rig.file("user/d!")}'`);
      const { ino } = lstatSync(rig.file("user/d"), { bigint: true });
      let happened: boolean | undefined;
      const progress = (done: number) => {
        if (happened !== undefined || done < 100) return;
        rmSync(rig.file("user/d"), { recursive: true });
        happened = makeAgain(rig, ino);
      };
      const { backup, heard } = await rig.run({ job: { progress } });
      expect(happened).toBeDefined();
      expect(backup.entries.has(rig.file("user/d/f"))).toBe(false);
      if (happened) expect(heard).toContain(left(rig.file("user/d/f")));
    },
  );
});
