/** Pickers, snapshotters and configuration that other users can change, met by root. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, link, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { type ConfPaths, sysbackup, writeConf } from "../support/program.ts";
import { run } from "../support/services/command.ts";
import { isRoot } from "../support/services.ts";

const user = 54_321;

type Machine = ConfPaths & AsyncDisposable & { readonly path: string; readonly proof: string };

/** A good picker, and another that proves that it ran. */
async function machine(): Promise<Machine> {
  const folder = await scratch();
  await chmod(folder.path, 0o755);
  const proof = join(folder.path, "ran");
  const pickers = { good: "echo /etc/hostname", other: `touch '${proof}'` };
  const paths = await writeConf(folder.path, { pickers, snapshotters: { dump: `touch '${proof}'; echo x` } });
  await chmod(join(paths.conf, "snapshots.d/dump"), 0o644);
  return { ...paths, path: folder.path, proof, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const archive = ({ conf }: Machine, ...more: string[]) => sysbackup(["archive", "--conf-dir", conf, ...more]);
const ran = ({ proof }: Machine) => Bun.file(proof).exists();

type Attack = readonly [what: string, open: (machine: Machine, picker: string) => Promise<unknown>];

/** Each opens one picker alone. */
const ofOne: readonly Attack[] = [
  ["that every user can write", (_, picker) => chmod(picker, 0o777)],
  ["that belongs to a user", (_, picker) => chown(picker, user, user)],
  [
    "that a group can write",
    async (_, picker) => {
      await chown(picker, 0, user);
      await chmod(picker, 0o775);
    },
  ],
  ["that a user can write by an ACL", (_, picker) => run(["setfacl", "-m", `u:${user}:rwx`, picker])],
  ["that a group can write by an ACL", (_, picker) => run(["setfacl", "-m", `g:${user}:rwx`, picker])],
  [
    "behind a link into a user's folder",
    async ({ path }, picker) => {
      const folder = join(path, "home");
      await mkdir(folder);
      await rename(picker, join(folder, "other"));
      await symlink(join(folder, "other"), picker);
      await chown(folder, user, user);
    },
  ],
  [
    "behind two links, the second in a folder that every user can write",
    async ({ path }, picker) => {
      const folder = join(path, "open");
      await mkdir(folder);
      await rename(picker, join(path, "real"));
      await symlink("../real", join(folder, "second"));
      await symlink("../../open/second", picker);
      await chmod(folder, 0o777);
    },
  ],
];

/** Each opens the folder of both. */
const ofAll: readonly Attack[] = [
  ["in a folder that every user can write", ({ conf }) => chmod(join(conf, "pickers.d"), 0o777)],
  ["in a sticky folder that every user can write", ({ conf }) => chmod(join(conf, "pickers.d"), 0o1777)],
  [
    "in a folder that a user can write by an ACL",
    ({ conf }) => run(["setfacl", "-m", `u:${user}:rwx`, join(conf, "pickers.d")]),
  ],
];

for (const [variant, open] of ofOne) {
  attack(
    {
      by: "U",
      what: "a picker that another user can change, in place or on the way",
      before: "run as root",
      now: "not run, the others are",
    },
    async () => {
      await using at = await machine();
      const picker = join(at.conf, "pickers.d/other");
      await open(at, picker);
      const { exit, stderr } = await archive(at);
      expect(stderr).toContain(`error: picker "${picker}" is not run: `);
      expect(exit).toBe(3);
      expect(await ran(at)).toBe(false);
    },
    { variant, skip: !isRoot },
  );
}

for (const [variant, open] of ofAll) {
  attack(
    {
      by: "U",
      what: "a folder of pickers that another user can change",
      before: "run as root",
      now: "nothing is run, no backup",
    },
    async () => {
      await using at = await machine();
      await open(at, "");
      const { exit, stderr } = await archive(at);
      expect(stderr).toContain(`error: picker "${join(at.conf, "pickers.d/good")}" is not run: `);
      expect(exit).toBe(2);
      expect(await ran(at)).toBe(false);
    },
    { variant, skip: !isRoot },
  );
}

attack(
  {
    by: "U",
    what: "a configuration or credentials file that another user can change",
    before: "names a command that runs as root",
    now: "refused",
  },
  async () => {
    await using at = await machine();
    const file = join(at.conf, "conf");
    await chmod(file, 0o666);
    const refused = await archive(at);
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toContain(`"${file}" can be changed by every user`);

    await chmod(file, 0o644);
    const credentials = join(at.path, "credentials");
    await writeFile(credentials, `[default]\ncredential_process = touch '${at.proof}'\n`);
    await writeFile(file, `[aws]\ncredentials_file = ${credentials}\n${await Bun.file(file).text()}`);
    await chown(credentials, user, user);
    const named = await archive(at);
    expect(named.exit).toBe(2);
    expect(named.stderr).toContain(`"${credentials}" belongs to user ${user}`);
    expect(await ran(at)).toBe(false);
  },
  { skip: !isRoot },
);

describe.skipIf(!isRoot)("as root, a picker", () => {
  test("as root, a picker that others can write is run with --insecure-pickers", async () => {
    await using at = await machine();
    await chmod(join(at.conf, "pickers.d/other"), 0o777);
    const { stderr } = await archive(at, "--insecure-pickers");
    expect(stderr).not.toContain("is not run");
    expect(await ran(at)).toBe(true);
  });

  const benign: readonly Attack[] = [
    ["that only root can write", async () => undefined],
    ["that root's group can write", (_, picker) => chmod(picker, 0o775)],
    ["that a user may read by an ACL", (_, picker) => run(["setfacl", "-m", `u:${user}:rx`, picker])],
    ["with a second name", (machine, picker) => link(picker, join(machine.path, "second"))],
  ];
  test.each(benign)("%s is run", async (_, open) => {
    await using at = await machine();
    await open(at, join(at.conf, "pickers.d/other"));
    const { stderr } = await archive(at);
    expect(stderr).not.toContain("is not run");
    expect(await ran(at)).toBe(true);
  });

  test("as root, a picker and a snapshotter that others can write: only the picker is run", async () => {
    await using at = await machine();
    await chmod(join(at.conf, "pickers.d/other"), 0o644);
    await chmod(join(at.conf, "snapshots.d/dump"), 0o757);
    const { exit, stderr } = await archive(at);
    expect(stderr).toContain(`error: snapshotter "${join(at.conf, "snapshots.d/dump")}" is not run: `);
    expect(exit).toBe(3);
    expect(await ran(at)).toBe(false);
  });

  test("as root, a picker is bad in doctor exactly if archive does not run it", async () => {
    await using at = await machine();
    const doctor = async () => (await sysbackup(["doctor", "--conf-dir", at.conf])).stdout;
    expect(await doctor()).not.toContain("can be changed by");
    await run(["setfacl", "-m", `u:${user}:rwx`, join(at.conf, "pickers.d/other")]);
    expect(await doctor()).toContain(`can be changed by the user ${user}, as its ACL says`);
  });
});
