/** Mounts that have refused a file, as they are full or read-only. Content for them is not fetched unless it fits. */
import type { FileEntry } from "../../core/format/entries/entry.ts";
import { parentOf } from "../../core/format/path.ts";
import { freeBytes } from "../../core/system/filesystem/filesystems.ts";
import { isSystemError, type SystemError } from "../../core/system/libc.ts";
import { unlessRefused } from "./refused.ts";
import type { Target } from "./target.ts";

export class RefusingMounts {
  readonly #target: Pick<Target, "folderIfThere">;
  readonly #refusals = new Map<string, SystemError>();

  constructor(target: Pick<Target, "folderIfThere">) {
    this.#target = target;
  }

  /** Registers the mount of an entry that could not be written. */
  note({ path }: FileEntry, error: unknown): void {
    if (!isSystemError(error, "ENOSPC", "EDQUOT", "EROFS")) return;
    unlessRefused(() => this.#refusals.set(this.#target.folderIfThere(parentOf(path)).mount, error));
  }

  /** Returns the error that writing the entry would end in; undefined if there seems to be room. */
  refusal({ path, extents }: FileEntry): SystemError | undefined {
    if (this.#refusals.size === 0) return undefined;
    let refusal: SystemError | undefined;
    unlessRefused(() => {
      const { fd, mount } = this.#target.folderIfThere(parentOf(path));
      const known = this.#refusals.get(mount);
      const bytes = extents.reduce((sum, { length }) => sum + length, 0);
      if (known !== undefined && freeBytes(fd) < Math.max(bytes, 1)) refusal = known;
    });
    return refusal;
  }
}
