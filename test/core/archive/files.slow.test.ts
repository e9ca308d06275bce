import { describe, expect, test } from "bun:test";
import { utimesSync, writeFileSync } from "node:fs";
import { chmod, link, mkdir, open, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { exitStatus } from "../../../core/failure.ts";
import type { FileWarning } from "../../../core/format/entries/entry.ts";
import { scratch } from "../../support/faults/scratch.ts";
import { writeConf } from "../../support/program.ts";
import { has } from "../../support/services.ts";
import { holding } from "../system/scratch.ts";
import { readBackup } from "./backup.ts";
import { noise } from "./noise.ts";
import { Rig } from "./rig.ts";
import { script } from "./scripts.ts";

const isRoot = process.getuid?.() === 0;
const nobody = 65534;

/** The program run by a user: by somebody else when root, by oneself otherwise. */
async function runAs(user: number, args: readonly string[]): Promise<{ exit: number; stderr: string }> {
  const become = isRoot ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"] : [];
  const main = join(import.meta.dir, "../../../cmd/main.ts");
  const child = Bun.spawn([...become, process.execPath, main, ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: process.env,
  });
  const [stderr, exit] = await Promise.all([child.stderr.text(), child.exited]);
  return { exit, stderr };
}

/** The program and its sources may lie where others may not look. */
async function mayRunAs(user: number): Promise<boolean> {
  return has("setpriv") && (await runAs(user, ["--version"])).exit === 0;
}

const layouts = ["packs", "objects"] as const;

describe("a file that changed", () => {
  test("a file that changed is read again, others are not", async () => {
    await using rig = await Rig.make();
    await rig.write("a", "first");
    await rig.write("b", "same");
    await rig.run();
    await rig.write("a", "second");
    const { summary, backup } = await rig.run();
    expect(summary).toMatchObject({ changed: 1, unchanged: 1, new: 0, bytesRead: 6 });
    expect((await backup.read(rig.file("a"))).toString()).toBe("second");
  });

  const changes: [string, (path: string) => Promise<void>][] = [
    [
      "replaced by one of the same size and time",
      async (path) => {
        await writeFile(`${path}.new`, "other");
        utimesSync(path, 1, 1);
        utimesSync(`${path}.new`, 1, 1);
        await rename(`${path}.new`, path);
      },
    ],
    [
      "whose time was set back",
      async (path) => {
        writeFileSync(path, "other");
        utimesSync(path, 1, 1);
      },
    ],
  ];
  test.each(changes)("a file that changed and %s is read again", async (_, change) => {
    await using rig = await Rig.make();
    await rig.write("a", "first");
    utimesSync(rig.file("a"), 1, 1);
    await rig.run();
    await change(rig.file("a"));
    expect((await (await rig.run()).backup.read(rig.file("a"))).toString()).toBe("other");
  });

  test("a file that changed within the clock's grain of the last look is read again, whatever it looks like", async () => {
    await using rig = await Rig.make();
    await rig.write("a", "first");
    await rig.write("folder/b", "first");
    rig.ahead = 0;
    expect((await rig.run()).summary).toMatchObject({ new: 2 });
    expect((await rig.run()).summary).toMatchObject({ changed: 2, unchanged: 0, bytesStored: 0 });
    rig.ahead = 3_000;
    expect((await rig.run()).summary).toMatchObject({ changed: 2, unchanged: 0, bytesStored: 0 });
    expect((await rig.run()).summary).toMatchObject({ changed: 0, unchanged: 2 });
  });

  test("a file that became something else is recorded as that, and so is one that became a file again", async () => {
    await using rig = await Rig.make();
    await rig.write("a", "file");
    await rig.run();
    await unlink(rig.file("a"));
    await symlink("nowhere", rig.file("a"));
    expect((await rig.run()).backup.entries.get(rig.file("a"))?.type).toBe("link");
    await unlink(rig.file("a"));
    await mkdir(rig.file("a"));
    expect((await rig.run()).backup.entries.get(rig.file("a"))?.type).toBe("folder");
  });
});

describe("a file that changes while it is read", () => {
  test.each(layouts)(
    "a file that changes for as long as it is read is kept as it was read, with a warning, and read again next time (%s)",
    async (layout) => {
      await using rig = await Rig.make();
      await rig.write("log", noise(40_000_000));
      const stop = await writer(rig.file("log"));
      const { heard, backup, summary } = await rig.run({ content: { layout } });
      await stop();
      expect(heard).toEqual([
        `warning changed-while-reading: "${rig.file("log")}" changed while it was read, twice; the copy may be inconsistent`,
      ]);
      expect(summary.warnings).toBe(1);
      expect(warningsOf(backup.file(rig.file("log")))).toEqual(["changed-while-reading"]);
      expect((await backup.read(rig.file("log"))).subarray(0, 40_000_000).equals(noise(40_000_000))).toBe(true);
      const next = await rig.run({ content: { layout } });
      expect(next.summary).toMatchObject({ changed: 1, unchanged: 0 });
      expect(warningsOf(next.backup.file(rig.file("log")))).toEqual([]);
    },
  );

  /** Another process that appends to the file, a line every millisecond; resolves when it has begun. */
  function writer(path: string): Promise<() => Promise<void>> {
    const code = `
import select, sys
with open(sys.argv[1], "ab", buffering=0) as file:
    file.write(b"first line\\n")
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        file.write(b"one more line\\n")
`;
    return holding(code, path);
  }

  const warningsOf = ({ warnings }: { warnings: readonly FileWarning[] }) => [...warnings];
});

const mayBecome = await mayRunAs(nobody);

describe("a file that cannot be kept", () => {
  test.skipIf(isRoot && !mayBecome)(
    "a file that may not be read is reported by name, and so is a folder; the rest is kept",
    async () => {
      await using place = await scratch();
      await chmod(place.path, 0o777);
      const files = join(place.path, "files");
      for (const name of ["a", "closed/inside", "secret", "z"]) await Bun.write(join(files, name), name);
      const { conf, bucket } = await writeConf(place.path, {
        pickers: { all: `printf '%s\\n' '${files}/a' '${files}/closed/inside' '${files}/secret' '${files}/z'` },
      });
      await chmod(bucket, 0o777);
      for (const name of ["closed", "secret"]) await chmod(join(files, name), 0);
      const { exit, stderr } = await runAs(nobody, ["archive", "--conf-dir", conf]);
      expect(stderr).toContain(`"${files}/secret" is not in the backup: open: permission denied`);
      expect(stderr).toContain(`"${files}/closed/inside" was picked but cannot be looked at: lstat`);
      expect(exit).toBe(exitStatus.incomplete);
      const opened = await openDirectoryBucket(bucket, { now: () => new Date(), random: Math.random });
      const keys = (await Array.fromAsync(opened.list("manifests/test/"))).flat().map(({ key }) => key);
      const root = keys.find((key) => !key.includes("/parts/")) ?? "";
      const backup = await readBackup(opened, root, (await opened.head(root))?.version ?? "");
      const kept = [...backup.entries.keys()].filter((path) => path.startsWith(`${files}/`));
      expect(kept).toEqual(["a", "closed", "z"].map((name) => join(files, name)));
      expect(backup.manifest.log.map(({ code }) => code)).toEqual(["unreadable", "unreadable"]);
    },
  );

  test("a file that is gone when its turn comes is reported, and the rest is kept", async () => {
    await using rig = await Rig.make();
    await rig.write("a", "a");
    await rig.write("gone", "gone");
    await script(
      join(rig.path, "pickers.d"),
      "late",
      `while [ ! -e '${rig.path}/picked' ]; do sleep 0.01; done; rm '${rig.file("gone")}'`,
    );
    await script(join(rig.path, "pickers.d"), "all", `find '${rig.path}/files'; touch '${rig.path}/picked'`);
    const { heard, backup } = await rig.run();
    // Whichever look at it comes first misses it.
    expect(heard).toEqual([expect.stringMatching(/^warning vanished: ".*gone" (vanished before|was picked but)/)]);
    expect(rig.names(backup)).toEqual(["a"]);
  });

  test("a socket is reported as information, and is not kept", async () => {
    await using rig = await Rig.make();
    await rig.write("a", "a");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(rig.file("socket"), resolve));
    const { heard, backup, summary } = await rig.run();
    await new Promise((resolve) => server.close(resolve));
    expect(heard).toEqual([`info socket-skipped: "${rig.file("socket")}" is a socket and is not kept`]);
    expect(rig.names(backup)).toEqual(["a"]);
    expect(summary.warnings).toBe(0);
  });
});

describe("a locked file", () => {
  const lockers: [string, string][] = [
    ["flock", "fcntl.flock(file, fcntl.LOCK_EX)"],
    ["fcntl", "fcntl.lockf(file, fcntl.LOCK_EX)"],
  ];
  test.each(lockers)(
    "a locked file is copied without a lock when its time is up, and says so (%s)",
    async (_, lock) => {
      await using rig = await Rig.make();
      await rig.write("locked", "locked");
      const release = await holding(
        `import fcntl, sys\nfile = open(sys.argv[1], "r+")\n${lock}\nprint("ready", flush=True)\nsys.stdin.read()`,
        rig.file("locked"),
      );
      let slept = 0;
      const sleep = (milliseconds: number) => {
        slept += milliseconds;
        return Promise.resolve();
      };
      const { heard, backup } = await rig.run({ content: { lockTimeout: 5_000 }, job: { sleep } });
      await release();
      expect(slept).toBe(5_000);
      expect(heard).toEqual([
        `warning unlocked-copy: "${rig.file("locked")}" stayed locked by another program; it was copied without a lock`,
      ]);
      expect(backup.file(rig.file("locked")).warnings).toEqual(["unlocked-copy"]);
      expect((await backup.read(rig.file("locked"))).toString()).toBe("locked");
    },
  );

  test("a locked file is waited for", async () => {
    await using rig = await Rig.make();
    await rig.write("locked", "locked");
    const release = await holding(
      `import fcntl, sys\nfile = open(sys.argv[1], "r+")\nfcntl.flock(file, fcntl.LOCK_EX)\nprint("ready", flush=True)\nsys.stdin.read()\nfile.write("LATER"); file.close()`,
      rig.file("locked"),
    );
    let waits = 0;
    const sleep = async () => {
      waits += 1;
      if (waits === 3) await release();
    };
    const { heard, backup } = await rig.run({ content: { lockTimeout: 5_000 }, job: { sleep } });
    expect(waits).toBeGreaterThanOrEqual(3);
    expect(heard).toEqual([]);
    expect((await backup.read(rig.file("locked"))).toString()).toBe("LATERd");
  });
});

describe("hard links", () => {
  test("hard links name the first of them, each with its content; one more name is one more entry", async () => {
    await using rig = await Rig.make();
    await rig.write("b", "content");
    await link(rig.file("b"), rig.file("c"));
    const first = await rig.run();
    expect(first.backup.file(rig.file("c")).hardLink).toBe(first.backup.file(rig.file("b")).path);
    await link(rig.file("b"), rig.file("a"));
    const { backup, summary } = await rig.run();
    const [a, b, c] = ["a", "b", "c"].map((name) => backup.file(rig.file(name)));
    expect([a?.hardLink, b?.hardLink, c?.hardLink]).toEqual([a?.path, a?.path, a?.path]);
    for (const name of ["a", "b", "c"]) expect((await backup.read(rig.file(name))).toString()).toBe("content");
    expect(summary.bytesStored).toBe(0);
    for (const name of ["a", "b"]) await unlink(rig.file(name));
    expect((await rig.run()).backup.file(rig.file("c")).hardLink).toBeUndefined();
  });
});

describe("a sparse file", () => {
  test.each(layouts)(
    "a sparse file keeps its holes, those at both ends too (%s)",
    async (layout) => {
      await using rig = await Rig.make();
      // Of a content object the zeros are read too.
      const whole = layout === "packs" ? 2 ** 36 : 2 ** 25;
      const file = await open(rig.file("sparse"), "w");
      await file.write(noise(8192), 0, 8192, 999_424);
      await file.truncate(whole);
      await file.close();
      const { backup, summary } = await rig.run({ content: { layout, compressionLevel: 1 } });
      const { holes, size } = backup.file(rig.file("sparse"));
      expect(size).toBe(whole);
      expect(holes).toEqual([
        [0, 999_424],
        [999_424 + 8192, whole - 999_424 - 8192],
      ]);
      if (layout === "packs") expect(summary.bytesRead).toBe(8192);
    },
    60_000,
  );
});
