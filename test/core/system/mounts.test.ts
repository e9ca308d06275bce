import { expect, test } from "bun:test";
import { userBehind, userBehindIn } from "../../../core/system/mounts.ts";
import { lstat } from "../../../core/system/stat.ts";
import { bytes } from "./scratch.ts";

const mountinfo = `22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:26 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,user_id=7
90 22 0:53 / /home/u/m\\040nt rw,nosuid,nodev shared:60 master:3 - fuse.sshfs u@host: rw,user_id=1000,group_id=1000,allow_other
91 22 0:54 / /mnt rw - fuseblk /dev/sdb1 rw,user_id=0,group_id=0
`;

test.each([
  ["a user's", 90, 1000],
  ["root's", 91, 0],
  ["none in user space, whatever its options", 31, undefined],
  ["none that is listed", 99, undefined],
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
