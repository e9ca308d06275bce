/** Reads the kernel's list of mounts: who serves a filesystem, and whether a look at a file can wait for somebody. */
import { readFileSync } from "node:fs";

/** Numbers of a device and of a mount, as `Stat` has them. */
export type MountedPlace = { readonly device: number; readonly mount: number };

export type UserBehind = number | "unlisted" | undefined;

type Mounted = {
  readonly type: string;
  /** The user who serves it, if it is a filesystem in user space. */
  readonly user: number | undefined;
};

export function readMountinfo(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

/** Returns the user who serves the filesystem of a file, if it is one in user space. */
export function userBehindIn(mountinfo: string, place: MountedPlace): UserBehind {
  for (const { user } of mountsIn(mountinfo, place)) {
    if (user !== undefined) return user;
    if (place.mount !== 0) return undefined;
  }
  return place.mount === 0 ? undefined : "unlisted";
}

/**
 * `mountinfo` as in proc(5): number, parent, major:minor, root, place, options, …, `-`, type, source, options. Devices are not always
 * those of the list, so only a number can be missing.
 */
function* mountsIn(mountinfo: string, { device, mount }: MountedPlace): Generator<Mounted> {
  const major = Math.floor(device / 2 ** 20);
  const wanted = `${major}:${device - major * 2 ** 20}`;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [number, , numbers] = before.split(" ");
    if (mount === 0 ? numbers !== wanted : Number(number) !== mount) continue;
    const [type = "", , options = ""] = after.split(" ");
    const user = /^fuse/.test(type) ? /(?:^|,)user_id=(\d+)/.exec(options)?.[1] : undefined;
    yield { type, user: user === undefined ? undefined : Number(user) };
  }
}

/** Returns whether a user is neither root nor us. */
export function isStranger(user: number): boolean {
  return user !== 0 && user !== process.geteuid?.();
}

/** Filesystems whose kernel alone knows what their files are: it never asks a server. */
const localTypes = new Set(
  "bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs iso9660 jfs nilfs2 ntfs3 proc ramfs squashfs sysfs tmpfs udf vfat xfs zfs".split(
    " ",
  ),
);

/**
 * Returns whether what the kernel has of a file is all that may be asked for: since nobody else knows more, or since it would be
 * another user who is asked, and who need not answer. What that user says is not believed in any case.
 */
export function isKernelsWordEnough(mountinfo: string, place: MountedPlace): boolean {
  for (const { type, user } of mountsIn(mountinfo, place)) {
    return localTypes.has(type) || (user !== undefined && isStranger(user));
  }
  // Somebody has unmounted it; in a chroot, it is `/`.
  return true;
}
