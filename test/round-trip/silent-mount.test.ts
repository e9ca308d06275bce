/** Filesystems that never answer: no signal ends a process that waits for one in the kernel. */
import { describe, expect } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { scratch } from "../support/faults/scratch.ts";
import { sysbackup, writeConf } from "../support/program.ts";
import { mayMountForUser, usersFilesystem } from "../support/users-filesystem.ts";

/** A folder of files, among them one that a user mounts over, and pickers that print what lies in there, too. */
async function machine(dir: string) {
  const [his, other] = [join(dir, "his"), join(dir, "other")];
  mkdirSync(his);
  writeFileSync(join(his, "below"), "below");
  writeFileSync(other, "of somebody else");
  const pickers = { all: `printf '%s\\n' '${his}' '${his}/below' '${his}/no/such' '${other}'` };
  const { conf } = await writeConf(dir, {
    pickers,
    sections: { "bundle b": { path: dir, storage_class: "STANDARD" } },
  });
  return { his, conf, args: ["--conf-dir", conf] };
}

describe("a user's filesystem that never answers", () => {
  const options = { skip: !mayMountForUser, timeout: 60_000 };
  attack(
    {
      by: "U",
      what: "a user's FUSE filesystem never answers what is asked of it",
      before: "archive waited for ever, and could not be killed",
      now: "it is asked nothing",
    },
    async () => {
      await using dir = await scratch();
      const { his, args } = await machine(dir.path);
      await using _ = await usersFilesystem(his, { silent: true });
      const { exit, stderr } = await sysbackup(["archive", ...args]);
      expect(stderr).toContain(`"${his}" is not in the backup: it is in a filesystem that nobody has mounted`);
      expect(stderr).not.toContain("no/such");
      expect(exit).toBe(3);
    },
    { ...options, variant: "archive" },
  );

  attack(
    {
      by: "U",
      what: "a user's FUSE filesystem never answers what is asked of it",
      before: "archive waited for ever, and could not be killed",
      now: "it is asked nothing",
    },
    async () => {
      await using dir = await scratch();
      const { his, args } = await machine(dir.path);
      const twin = await sysbackup(["archive", ...args]);
      expect(twin.stderr).toContain(`"${his}/no/such" was picked but is not there`);
      await using _ = await usersFilesystem(his, { silent: true });
      const live = await sysbackup(["verify", "test", "--live", ...args]);
      expect(live.stdout).toContain(his);
      const again = await sysbackup(["restore", "test", "--target", "/", "--yes", his, ...args]);
      expect(again.stderr).toContain("has mounted is in its place");
    },
    { ...options, variant: "verify --live, and restore over it" },
  );
});
