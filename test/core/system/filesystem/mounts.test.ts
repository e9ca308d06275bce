import { describe, expect, test } from "bun:test";
import { openSync } from "node:fs";
import { close } from "../../../../core/system/files/files.ts";
import { userBehindIn } from "../../../../core/system/filesystem/mountinfo.ts";
import { strangerBehind, userBehind } from "../../../../core/system/filesystem/mounts.ts";
import { fstat, lstat } from "../../../../core/system/filesystem/stat.ts";
import { attack } from "../../../support/attack.ts";
import { diskFull, mayMount } from "../../../support/faults/disk-full.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { mayMountForUser, usersFilesystem } from "../../../support/users-filesystem.ts";
import { bytes } from "../scratch.ts";

const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:26 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,user_id=7
90 22 0:53 / /home/u/m\\040nt rw,nosuid,nodev shared:60 master:3 - fuse.sshfs u@host: rw,user_id=1000,group_id=1000,allow_other
91 22 0:54 / /mnt rw - fuseblk /dev/sdb1 rw,user_id=0,group_id=0
`;

test.each<[string, number, ReturnType<typeof userBehindIn>]>([
  ["a user's", 90, 1000],
  ["root's", 91, 0],
  ["none in user space, whatever its options", 31, undefined],
  ["none that is listed", 99, "unlisted"],
])("by its number, a mount is %s", (_, mount, user) => {
  expect(userBehindIn(mountinfo, { device: 0, mount })).toBe(user);
});

test("without numbers of mounts, the device tells", () => {
  expect(userBehindIn(mountinfo, { device: 53, mount: 0 })).toBe(1000);
  expect(userBehindIn(mountinfo, { device: 254 * 2 ** 20, mount: 0 })).toBeUndefined();
});

test("no user is behind the root of this machine", () => {
  expect(userBehind(lstat(bytes("/")))).toBeUndefined();
});

describe.skipIf(!mayMountForUser)("a filesystem that its user unmounts while it answers", () => {
  attack(
    {
      by: "U",
      what: "a user's FUSE filesystem is unmounted lazily while it is looked at",
      before: "taken for the machine's: a file that it shows as root's, with setuid, was stored, and restored so",
      now: "a mount that is not listed counts as a user's",
    },
    async () => {
      await using place = await scratch();
      await using his = await usersFilesystem(place.path);
      const held = openSync(place.path, "r");
      try {
        await his.unmount();
        expect(strangerBehind(fstat(held))).toBe("somebody has unmounted meanwhile");
      } finally {
        close(held);
      }
    },
  );
});

test.skipIf(!mayMount)("twin: nobody is behind a filesystem of the machine that stays mounted", async () => {
  await using disk = await diskFull(1024 * 1024);
  expect(strangerBehind(lstat(bytes(disk.path)))).toBeUndefined();
});
