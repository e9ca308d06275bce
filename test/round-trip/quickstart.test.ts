/** The first thing that anybody runs, as root and as somebody who may not read all of /etc. */
import { expect, test } from "bun:test";
import { chmod, cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup } from "../support/program.ts";
import { isRoot } from "../support/services.ts";

const checkout = join(import.meta.dir, "../..");

test("the quickstart archives, lists, verifies, restores and compares", async () => {
  await using dir = await scratch();
  const { exit, stdout, stderr } = await sysbackup(["quickstart"], { env: { TMPDIR: dir.path } });
  expect({ exit: [0, 3].includes(exit), stderr: stderr.includes("defect") }).toEqual({ exit: true, stderr: false });
  expect(stdout).toContain("entries identical in type, mode, time and content");
  expect(stdout).not.toContain("different or missing");
  expect(stdout).toContain("the database came back through its restore command");
});

test.skipIf(!isRoot)("the quickstart works for a user who may not read all of /etc", async () => {
  await using dir = await scratch();
  const [copy, home] = [join(dir.path, "checkout"), join(dir.path, "home")];
  for (const part of ["cmd", "core", "restore", "package.json", "node_modules"]) {
    await cp(join(checkout, part), join(copy, part), { recursive: true });
  }
  await mkdir(home);
  for (const folder of [dir.path, home]) await chmod(folder, 0o777);
  // Bun, too: the example's snapshotter runs it again, and it may lie in root's home.
  const bun = join(copy, "bun");
  await cp(process.execPath, bun);
  const program = [bun, join(copy, "cmd/main.ts"), "quickstart"];
  const child = Bun.spawn(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ...program], {
    cwd: home,
    env: { ...process.env, TMPDIR: home, HOME: home },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, exit] = await Promise.all([child.stdout.text(), child.exited, child.stderr.text()]);
  expect(stdout).toContain("entries identical in type, mode, time and content");
  expect(stdout).toContain("unreadable by this user");
  expect(stdout).not.toContain("different or missing");
  expect(exit).toBe(3);
});
