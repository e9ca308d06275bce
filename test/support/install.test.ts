import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import { cacheFolder, installPython, whenUnlocked } from "./install.ts";
import { run } from "./services/command.ts";

describe("what tests need of Python", () => {
  test("environments of Python go to the user's cache, also if its variables are empty or relative", () => {
    const byDefault = join(homedir(), ".cache/sysbackup-test");
    expect(cacheFolder({ XDG_CACHE_HOME: "/cache", HOME: "/home" })).toBe("/cache/sysbackup-test");
    for (const none of ["", "cache", undefined]) {
      expect(cacheFolder({ XDG_CACHE_HOME: none, HOME: "/home" })).toBe("/home/.cache/sysbackup-test");
      expect(cacheFolder({ XDG_CACHE_HOME: none, HOME: none })).toBe(byDefault);
    }
  });

  test("an environment whose Python is gone is made again, and one that is whole is kept", async () => {
    await using place = await scratch();
    const bin = join(place.path, "bin");
    await mkdir(bin);
    // Makes a folder that looks like an environment, as the real one needs a network.
    const python = join(bin, "python3");
    const makes = 'mkdir -p "$3/bin"; touch "$3/bin/python"; ln -s /bin/true "$3/bin/pip"';
    await writeFile(python, `#!/bin/sh\n[ "$1" = --version ] || { ${makes}; }\n`);
    await chmod(python, 0o755);
    const cache = join(place.path, "cache");
    const machine = { PATH: `${bin}:${process.env.PATH}`, XDG_CACHE_HOME: cache };
    const make = async () => {
      const signal = new AbortController().signal;
      const requirements = "legacy-requirements.txt";
      return realpath((await installPython({ machine, requirements, what: "it", tell: () => {}, signal })) ?? "");
    };
    const first = await make();
    expect(await make()).toBe(first);
    await rm(join(first, "python"));
    const second = await make();
    expect(second).not.toBe(first);
    expect(await readdir(second)).toContain("python");
    expect((await readdir(join(cache, "sysbackup-test"))).filter((name) => name.endsWith(".link"))).toEqual([]);
  });
});

test.skipIf(["apt-get", "python3"].some((name) => Bun.which(name) === null))(
  "apt-get waits for another one that has the lock of package lists, and fails for any other reason at once",
  async () => {
    await using place = await scratch();
    const lists = join(place.path, "lists");
    await mkdir(join(lists, "partial"), { recursive: true });
    const holdLock =
      "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()";
    const holder = Bun.spawn(["python3", "-c", holdLock, join(lists, "lock")], { stdin: "pipe", stdout: "pipe" });
    await holder.stdout.getReader().read();
    const options = [`Dir::State::Lists=${lists}`, "Dir::Etc::SourceList=/dev/null", "Dir::Etc::SourceParts=/dev/null"];
    const given = options.flatMap((option) => ["--option", option]);
    const update = (...more: readonly string[]) => run(["apt-get", "--quiet", ...given, ...more, "update"]);
    const heard: string[] = [];
    const tell = (message: string) => {
      heard.push(message);
      holder.stdin.end();
    };
    await whenUnlocked(() => update(), tell);
    expect(heard).toEqual(["waiting for another apt-get to end"]);
    await expect(whenUnlocked(() => update("--no-such-option"), tell)).rejects.toThrow("no-such-option");
    expect(heard).toHaveLength(1);
    await holder.exited;
  },
);
