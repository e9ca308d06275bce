/** Finds filesystems that a user serves: these can report any owner, mode and content. */
import { readFileSync } from "node:fs";
import type { ByteString } from "../format/path.ts";
import { userName } from "./owners.ts";
import { lstat, type Stat } from "./stat.ts";

type MountedPlace = Pick<Stat, "device" | "mount">;

/**
 * Says who serves the filesystem of a file, if it is one in user space (FUSE) and neither root's nor our own, and what was done to it. A
 * mount that is not listed counts as one: who serves a filesystem may unmount it while it answers, and go on answering.
 */
export function strangerBehind(place: MountedPlace): string | undefined {
  const user = userBehind(place);
  if (user === "unlisted") return "somebody has unmounted meanwhile";
  if (user === undefined || user === 0 || user === process.geteuid?.()) return undefined;
  return `${userName(user) ?? `user ${user}`} has mounted`;
}

type UserBehind = number | "unlisted" | undefined;

/**
 * Returns the user who serves the filesystem of a file, if it is one in user space.
 *
 * @internal
 */
export function userBehind(place: MountedPlace): UserBehind {
  const user = userBehindIn(readFileSync("/proc/self/mountinfo", "utf8"), place);
  // In a chroot, that of `/` is not listed.
  return user === "unlisted" && place.mount === lstat("/" as ByteString).mount ? undefined : user;
}

/**
 * `mountinfo` as in proc(5): number, parent, major:minor, root, place, options, …, `-`, type, source, options. Devices are not always
 * those of the list, so only a number can be missing.
 *
 * @internal
 */
export function userBehindIn(mountinfo: string, { device, mount }: MountedPlace): UserBehind {
  const major = Math.floor(device / 2 ** 20);
  const wanted = `${major}:${device - major * 2 ** 20}`;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [number, , numbers] = before.split(" ");
    if (mount === 0 ? numbers !== wanted : Number(number) !== mount) continue;
    const [type = "", , options = ""] = after.split(" ");
    const user = /^fuse/.test(type) ? /(?:^|,)user_id=(\d+)/.exec(options)?.[1] : undefined;
    if (user !== undefined) return Number(user);
    if (mount !== 0) return undefined;
  }
  return mount === 0 ? undefined : "unlisted";
}
