/**
 * Filesystems that are not written to: those that a user serves (FUSE), which may say that they are root's, and show that user all that is
 * written to them; and those whose files the kernel makes, as in `/proc` and `/sys`.
 */
import type { ByteString } from "../../core/format/path.ts";
import { type FolderUse, openFolder } from "../../core/system/files/confined.ts";
import { close } from "../../core/system/files/files.ts";
import { filesystemKind } from "../../core/system/filesystem/filesystems.ts";
import { strangerBehind } from "../../core/system/filesystem/mounts.ts";
import { fstat, type Stat } from "../../core/system/filesystem/stat.ts";
import { Obstacle, PseudoFilesystem } from "./obstacle.ts";

export type OpenedFolder = { readonly fd: number; readonly found: Stat };

export class UsersMounts {
  readonly #others = new Set<string>();

  /** Throws an Obstacle for a folder on one, unless it is our own. `fd`: the folder. */
  refuse(fd: number, found: Stat): void {
    if (this.#others.has(mountOf(found))) return;
    const done = strangerBehind(found);
    if (done !== undefined) {
      const why = `a filesystem that ${done} is in its place`;
      throw new Obstacle({ code: "in-the-way", why, remedy: "unmount it and run again" });
    }
    if (filesystemKind(fd) === "pseudo") throw new PseudoFilesystem();
    this.pass(found);
  }

  /** Opens a folder beneath `start`. Refuses each on the way before anything is looked up in it, and itself before it is opened to be read. */
  open(start: number, path: ByteString, use: FolderUse = "list"): OpenedFolder {
    let above: number | undefined;
    try {
      for (const name of path === "" ? [] : path.split("/")) {
        const held = openFolder(above ?? start, name as ByteString, "pass");
        if (above !== undefined) close(above);
        above = held;
        this.refuse(held, fstat(held));
      }
      const fd = openFolder(above ?? start, "" as ByteString, use);
      return { fd, found: fstat(fd) };
    } finally {
      if (above !== undefined) close(above);
    }
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
