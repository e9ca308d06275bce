import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import { cacheFolder, install, installPython, whenUnlocked } from "./install.ts";
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

  /** Makes folders that look like environments, as real ones need a network. */
  async function machineWith(folder: string) {
    const bin = join(folder, "bin");
    await mkdir(bin);
    const pip = String.raw`printf '#!/bin/sh\n[ "$PIP_USER" = 0 ]\n' > "$3/bin/pip"; chmod 755 "$3/bin/pip"`;
    const makes = `mkdir -p "$3/bin"; touch "$3/bin/python"; ${pip}`;
    await writeFile(join(bin, "python3"), `#!/bin/sh\n[ "$1" = --version ] || { ${makes}; }\n`);
    await chmod(join(bin, "python3"), 0o755);
    const cache = join(folder, "cache");
    const machine = { PATH: `${bin}:${process.env.PATH}`, XDG_CACHE_HOME: cache, PIP_USER: "1" };
    const make = async () => {
      const signal = new AbortController().signal;
      const requirements = "legacy-requirements.txt";
      return realpath((await installPython({ machine, requirements, what: "it", tell: () => {}, signal })) ?? "");
    };
    return { make, made: () => readdir(join(cache, "sysbackup-test")) };
  }

  test("an environment whose Python is gone is made again, and one that is whole is kept", async () => {
    await using place = await scratch();
    const { make, made } = await machineWith(place.path);
    const first = await make();
    expect(await make()).toBe(first);
    await rm(join(first, "python"));
    const second = await make();
    expect(second).not.toBe(first);
    expect(await readdir(second)).toContain("python");
    expect((await made()).filter((name) => name.endsWith(".link"))).toEqual([]);
  });

  test("one of two environments that are made at once is kept", async () => {
    await using place = await scratch();
    const { make, made } = await machineWith(place.path);
    const [one, other] = await Promise.all([make(), make()]);
    expect(one).toBe(other);
    expect(await made()).toHaveLength(2);
  });
});

/** Holds the lock of a file, as apt and dpkg do, until its stdin ends. */
async function holdLock(file: string) {
  const program =
    "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()";
  const holder = Bun.spawn(["python3", "-c", program, file], { stdin: "pipe", stdout: "pipe" });
  await holder.stdout.getReader().read();
  return holder;
}

describe.skipIf(["apt-get", "dpkg", "python3"].some((name) => Bun.which(name) === null))("the locks of apt", () => {
  test("apt-get waits for another one that has the lock of package lists, and fails for any other reason at once", async () => {
    await using place = await scratch();
    const lists = join(place.path, "lists");
    await mkdir(join(lists, "partial"), { recursive: true });
    const holder = await holdLock(join(lists, "lock"));
    const options = [`Dir::State::Lists=${lists}`, "Dir::Etc::SourceList=/dev/null", "Dir::Etc::SourceParts=/dev/null"];
    const given = options.flatMap((option) => ["--option", option]);
    const update = (...more: readonly string[]) => run(["apt-get", "--quiet", ...given, ...more, "update"]);
    const heard: string[] = [];
    const tell = (message: string) => {
      heard.push(message);
      holder.stdin.end();
    };
    const waiting = { tell, signal: new AbortController().signal };
    await whenUnlocked(() => update(), waiting);
    expect(heard).toEqual(["waiting for another apt-get to end"]);
    await expect(whenUnlocked(() => update("--no-such-option"), waiting)).rejects.toThrow("no-such-option");
    expect(heard).toHaveLength(1);
    await holder.exited;
  });

  test("dpkg waits for another one that has its lock, until a signal ends the waiting", async () => {
    await using place = await scratch();
    await mkdir(join(place.path, "updates"));
    await writeFile(join(place.path, "status"), "");
    const holder = await holdLock(join(place.path, "lock-frontend"));
    const dpkg = ["dpkg", `--admindir=${place.path}`, "--force-not-root", "--configure", "--pending"];
    const stop = new AbortController();
    const heard: string[] = [];
    const tell = (message: string) => {
      heard.push(message);
      stop.abort(new Error("stopped"));
    };
    await expect(whenUnlocked(() => run(dpkg), { tell, signal: stop.signal })).rejects.toThrow("stopped");
    holder.stdin.end();
    await holder.exited;
    await whenUnlocked(() => run(dpkg), { tell, signal: new AbortController().signal });
    expect(heard).toEqual(["waiting for another apt-get to end"]);
  });
});

describe.skipIf(process.getuid?.() !== 0)("Debian packages that tests need", () => {
  /** Installs with programs that note what they are called for, of which some print this and fail. `known`: what dpkg-query prints. */
  async function installed(fails: Readonly<Record<string, string>>, known = "") {
    await using place = await scratch();
    const bin = join(place.path, "bin");
    await mkdir(bin);
    const failing = Object.entries(fails).map(([call, says]) => `*"${call}"*) echo "${says}" >&2; exit 100;;`);
    for (const name of ["apt-get", "dpkg", "dpkg-query", "python3"]) {
      const text = `#!/bin/sh\necho "$LC_ALL $(basename "$0") $*" >>"${place.path}/calls"\ncase "$0 $*" in ${failing.join(" ")} esac\n[ "$(basename "$0")" != dpkg-query ] || echo "${known}"\n`;
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o755);
    }
    const heard: string[] = [];
    const machine = { PATH: `${bin}:/usr/bin:/bin`, XDG_CACHE_HOME: place.path, LC_ALL: "de_DE.UTF-8" };
    await install({ machine, tell: (message) => heard.push(message), signal: new AbortController().signal });
    const calls = (await readFile(join(place.path, "calls"), "utf8")).split("\n");
    const ours = calls.filter((call) => /^C (?:apt-get|dpkg) /.test(call));
    const others = /moto|s3-sysbackup/;
    return {
      heard: heard.filter((message) => !others.test(message)),
      ours: ours.map((call) => call.replace(/(?<= radosgw| ceph-mon) .*/, "")),
    };
  }

  const update = "C apt-get --quiet update";
  const configure = "C dpkg --configure --pending";
  const get = "C apt-get --quiet install --yes --no-remove --no-install-recommends";
  const fix = `${get} --fix-broken`;
  const installing = expect.stringMatching(/^installing radosgw /);

  test("packages are installed without removing others, in English, when what dpkg began is ended", async () => {
    const { heard, ours } = await installed({});
    expect(ours).toEqual([update, configure, fix, `${get} radosgw`]);
    expect(heard).toEqual([installing]);
  });

  test("a source of packages that is broken keeps nothing of others from being installed", async () => {
    const { heard, ours } = await installed({ "apt-get --quiet update": "E: a source is not signed" });
    expect(ours.at(-1)).toBe(`${get} radosgw`);
    expect(heard).toEqual([installing, expect.stringContaining("E: a source is not signed")]);
  });

  test("what dpkg was unpacking when it was killed is unpacked again, also if it cannot configure the rest before", async () => {
    const fails = { "dpkg --configure": "leaving unconfigured", "--fix-broken": "unmet dependencies" };
    const { heard, ours } = await installed(fails, "half-installed reinstreq liba");
    expect(ours).toEqual([update, configure, fix, `${get} --reinstall liba`, `${get} radosgw`]);
    expect(heard).toEqual([installing]);
  });

  test("what another run has installed meanwhile is not installed again", async () => {
    const since = `$(! grep -q configure "$(dirname "$0")/../calls" || echo "installed ok radosgw")`;
    const { ours } = await installed({}, since);
    expect(ours.at(-1)).toBe(`${get} ceph-mon`);
  });

  test("what cannot be installed, or found out, is reported, and does not end the run", async () => {
    for (const [call, says] of [
      ["apt-get --quiet install", "E: Packages need to be removed but remove is disabled."],
      ["dpkg-query --show", "dpkg-query: error: parsing file"],
    ] as const) {
      const { heard } = await installed({ [call]: says });
      expect(heard.at(-1)).toStartWith("not installed, tests are skipped: ");
      expect(heard.at(-1)).toEndWith(says);
    }
  });
});
