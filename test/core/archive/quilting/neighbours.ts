/** Files of a user beside files of root that he may not read. */
import { expect } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, lchownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "../../../../core/format/entries/entry.ts";
import { isRoot } from "../../../support/services.ts";
import type { Backup } from "../backup.ts";
import { Rig, type RigRun } from "../rig.ts";
import { script } from "../scripts.ts";
import { attacker } from "./attacker.ts";

/** A user's folder `user/d` of files and, in root's private folder, files of the same names that are not picked. */
export async function neighbours(names: readonly string[], above?: string): Promise<Rig> {
  const rig = await Rig.make(above);
  for (const folder of ["user", "user/d", "private"]) mkdirSync(rig.file(folder));
  for (const name of names) {
    writeFileSync(rig.file("user/d", name), "mine");
    writeFileSync(rig.file("private", name), "a secret of root", { mode: 0o600 });
    if (isRoot) execFileSync("setfattr", ["-n", "user.secret", "-v", "x", rig.file("private", name)]);
    if (isRoot) lchownSync(rig.file("user/d", name), attacker.uid, attacker.gid);
  }
  for (const folder of ["user", "user/d"]) if (isRoot) lchownSync(rig.file(folder), attacker.uid, attacker.gid);
  chmodSync(rig.file("private"), 0o700);
  const picked = ["user", "user/d", ...names.map((name) => `user/d/${name}`)];
  await script(
    join(rig.path, "pickers.d"),
    "all",
    `printf '%s\\n' ${picked.map((one) => `'${rig.file(one)}'`).join(" ")}`,
  );
  return rig;
}

/** Every entry under the user's own folder, as far as it tells whose file it is. */
export async function usersEntries(rig: Rig, backup: Backup): Promise<string[]> {
  const own = [...backup.entries].filter(([path]) => path.startsWith(rig.file("user/")));
  return Promise.all(
    own.map(async ([path, entry]) => shown(entry, entry.type === "file" ? await backup.read(path) : "")),
  );
}

function shown({ type, mode, owner, xattrs }: Entry, content: Buffer | string): string {
  return `${type} ${mode.toString(8)} ${owner.uid} ${xattrs.size} ${content}`;
}

const uid = isRoot ? attacker.uid : process.getuid?.();
const innocent = [`folder 755 ${uid} 0 `, `link 777 ${uid} 0 `, `fifo 644 ${uid} 0 `, `file 644 ${uid} 0 mine`];

/** What is the user's under his path, and nothing else. */
export async function expectInnocent(rig: Rig, { backup }: RigRun): Promise<void> {
  for (const entry of await usersEntries(rig, backup)) expect(innocent).toContain(entry);
}
