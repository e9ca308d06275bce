/** Finds filesystems that a user serves: these can report any owner, mode and content. */
import { readFileSync } from "node:fs";
import type { Stat } from "./stat.ts";

type MountedPlace = Pick<Stat, "device" | "mount">;

/** Returns the user who serves the filesystem of a file, if it is one in user space (FUSE) and neither root's nor our own. */
export function strangerBehind(place: MountedPlace): number | undefined {
  const user = userBehind(place);
  return user === 0 || user === process.geteuid?.() ? undefined : user;
}

/**
 * Returns the user who serves the filesystem of a file, if it is one in user space.
 *
 * @internal
 */
export function userBehind(place: MountedPlace): number | undefined {
  return userBehindIn(readFileSync("/proc/self/mountinfo", "utf8"), place);
}

/**
 * `mountinfo` as in proc(5): number, parent, major:minor, root, place, options, …, `-`, type, source, options.
 *
 * @internal
 */
export function userBehindIn(mountinfo: string, { device, mount }: MountedPlace): number | undefined {
  const major = Math.floor(device / 2 ** 20);
  const wanted = `${major}:${device - major * 2 ** 20}`;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [number, , numbers] = before.split(" ");
    if (mount === 0 ? numbers !== wanted : Number(number) !== mount) continue;
    const [type = "", , options = ""] = after.split(" ");
    const user = /^fuse/.test(type) ? /(?:^|,)user_id=(\d+)/.exec(options)?.[1] : undefined;
    if (user !== undefined) return Number(user);
  }
  return undefined;
}
