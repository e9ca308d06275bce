/** Filesystems that a user serves (FUSE): these may say that they are root's, and show that user all that is written to them. */
import { strangerBehind } from "../core/system/mounts.ts";
import { userName } from "../core/system/owners.ts";
import type { Stat } from "../core/system/stat.ts";
import { Obstacle } from "./obstacle.ts";

export class UsersMounts {
  readonly #others = new Set<string>();

  /** Throws an Obstacle for a folder on one, unless it is our own. */
  refuse(found: Stat): void {
    if (this.#others.has(mountOf(found))) return;
    const user = strangerBehind(found);
    if (user !== undefined) {
      const why = `a filesystem that ${userName(user) ?? `user ${user}`} has mounted is in its place`;
      throw new Obstacle({ code: "in-the-way", why, remedy: "unmount it and run again" });
    }
    this.pass(found);
  }

  /** Registers a mount that files may be written to. */
  pass(found: Stat): void {
    this.#others.add(mountOf(found));
  }
}

/** Tells mounts apart. */
export function mountOf({ device, mount }: Stat): string {
  return `${device} ${mount}`;
}
