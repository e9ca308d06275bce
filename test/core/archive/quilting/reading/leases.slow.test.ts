/** Locks and leases of other processes, as file servers and databases hold them. */
import { expect, test } from "bun:test";
import { linkSync } from "node:fs";
import { Rig } from "../../rig.ts";

/** Another process that holds a lock or a lease on files until its stdin ends. */
async function holding(script: string, ...paths: string[]) {
  const child = Bun.spawn(["python3", "-c", `${script}\nprint("held", flush=True)\nsys.stdin.read()`, ...paths], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async release() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

const lease = `import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)`;
const locks = `import fcntl, sys
files = [open(path, "r+") for path in sys.argv[1:]]
for file in files: fcntl.flock(file, fcntl.LOCK_EX)`;

test("a file with a lease for writing is read once the other program has given it up", async () => {
  await using rig = await Rig.make();
  for (const name of ["a", "leased", "z"]) await rig.write(name, `content of ${name}`);
  const held = await holding(lease, rig.file("leased"));
  let slept = 0;
  const sleep = async () => {
    slept += 1;
    if (slept === 3) await held.release();
  };
  const { backup, heard } = await rig.run({ content: { lockTimeout: 60_000 }, job: { sleep } });
  expect(heard).toEqual([]);
  expect((await backup.read(rig.file("leased"))).toString()).toBe("content of leased");
});

test("a file whose lease is not given up is left out by name", async () => {
  await using rig = await Rig.make();
  await rig.write("leased", "content");
  await rig.write("other", "content");
  const held = await holding(lease, rig.file("leased"));
  const { backup, heard } = await rig.run({ content: { lockTimeout: 1_000 }, job: { sleep: async () => undefined } });
  await held.release();
  expect(heard).toHaveLength(1);
  expect(heard[0]).toContain("leased");
  expect(heard[0]).toContain("another program keeps it to itself");
  expect(rig.names(backup)).toEqual(["other"]);
});

test("two names of a file that is locked are linked, with the first as leader", async () => {
  await using rig = await Rig.make();
  await rig.write("a", "content");
  linkSync(rig.file("a"), rig.file("b"));
  await rig.write("c", "other content");
  const held = await holding(locks, rig.file("a"));
  let slept = 0;
  const sleep = async () => {
    slept += 1;
    if (slept === 2) await held.release();
  };
  const { backup, heard } = await rig.run({ content: { lockTimeout: 60_000 }, job: { sleep } });
  expect(heard).toEqual([]);
  expect(backup.file(rig.file("b")).hardLink).toBe(backup.file(rig.file("a")).path);
});

test("very many files that stay locked cost one time-out, and are copied without a lock", async () => {
  await using rig = await Rig.make();
  const names = Array.from({ length: 600 }, (_, number) => `f${number}`);
  for (const name of names) await rig.write(name, name);
  const held = await holding(locks, ...names.map((name) => rig.file(name)));
  let slept = 0;
  const sleep = async (milliseconds: number) => {
    slept += milliseconds;
  };
  const { backup, heard } = await rig.run({ content: { lockTimeout: 5_000 }, job: { sleep } });
  await held.release();
  expect(slept).toBe(5_000);
  expect(heard.filter((line) => line.includes("unlocked-copy"))).toHaveLength(600);
  expect(backup.file(rig.file("f599")).warnings).toEqual(["unlocked-copy"]);
});
