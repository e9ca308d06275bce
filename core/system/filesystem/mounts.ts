/** Finds filesystems that a user serves: these can report any owner, mode and content. */
import type { ByteString } from "../../format/path.ts";
import { SystemError } from "../libc.ts";
import { userName } from "../owners.ts";
import { isStranger, type MountedPlace, readMountinfo, type UserBehind, userBehindIn } from "./mountinfo.ts";
import { fstat, lstat } from "./stat.ts";

/**
 * Says who serves the filesystem of a file, if it is one in user space (FUSE) and neither root's nor our own, and what was done to it. A
 * mount that is not listed counts as one: who serves a filesystem may unmount it while it answers, and go on answering.
 */
export function strangerBehind(place: MountedPlace): string | undefined {
  const user = userBehind(place);
  if (user === "unlisted") return "somebody has unmounted meanwhile";
  if (user === undefined || !isStranger(user)) return undefined;
  return `${userName(user) ?? `user ${user}`} has mounted`;
}

/**
 * Returns the user who serves the filesystem of a file, if it is one in user space.
 *
 * @internal
 */
export function userBehind(place: MountedPlace): UserBehind {
  const user = userBehindIn(readMountinfo(), place);
  // In a chroot, that of `/` is not listed.
  return user === "unlisted" && place.mount === lstat("/" as ByteString).mount ? undefined : user;
}

/** Refuses a place in a filesystem that a stranger serves, who need not answer and can claim any owner. */
export class UsersFilesystem extends SystemError {
  /** `done`: by whom, and what. */
  constructor(done: string) {
    super({ code: "EREMOTE", reason: `it is in a filesystem that ${done}, which can claim any owner`, call: "open" });
    this.message = this.reason;
  }
}

export function refuseStrangers(place: MountedPlace): void {
  const done = strangerBehind(place);
  if (done !== undefined) throw new UsersFilesystem(done);
}

/** Returns a check for `OpenFolders`: nothing is looked up in a folder that a stranger serves. */
export function foldersOfStrangersRefused(): (path: ByteString, fd: number) => void {
  let passed: MountedPlace | undefined;
  return (_, fd) => {
    const place = fstat(fd);
    if (passed !== undefined && passed.device === place.device && passed.mount === place.mount) return;
    refuseStrangers(place);
    passed = place;
  };
}
