/** What installs programs for tests, where something is in its way. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "./faults/scratch.ts";
import { environmentOf, installPython, whenUnlocked } from "./install.ts";
import { run } from "./services/command.ts";

const tools = ["apt-get", "python3"].map((name) => Bun.which(name));

test.skipIf(tools.includes(null))(
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

test("an environment whose Python is gone is not used, and made again", async () => {
  await using place = await scratch();
  const machine = { XDG_CACHE_HOME: place.path, PATH: place.path };
  const requirements = "python-requirements.txt";
  const environment = await environmentOf(requirements, machine);
  await mkdir(join(`${environment}-built`, "bin"), { recursive: true });
  await symlink("/no/such/python3", join(`${environment}-built`, "bin/python3"));
  await symlink(`${environment}-built`, environment);
  expect(existsSync(environment)).toBe(true);
  const heard: string[] = [];
  const tell = (message: string) => void heard.push(message);
  const { signal } = new AbortController();
  // No program is found there to make another one.
  expect(await installPython({ machine, tell, signal, requirements, what: "tools" })).toBeUndefined();
  expect(heard.map((message) => message.split(" ")[0])).toEqual(["installing", "not"]);
});
