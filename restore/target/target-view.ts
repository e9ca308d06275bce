/** The folder that a restore would write to, only looked at. As in `target.ts`, no path leads out of it. */
import { constants } from "node:os";
import { fromArgument } from "../../core/format/argument.ts";
import { type ByteString, baseName, parentOf } from "../../core/format/path.ts";
import { close } from "../../core/system/files/files.ts";
import { openThroughOwnLinks } from "../../core/system/files/own-links.ts";
import { fstat, lstatAt, type Stat } from "../../core/system/filesystem/stat.ts";
import { isSystemError, systemError } from "../../core/system/libc.ts";
import { unlessRefused } from "./refused.ts";
import { unusable } from "./target-folder.ts";
import { UsersMounts } from "./users-mounts.ts";

/** A target, or a look at one. */
export type FoldersByPath = { folderIfThere(path: ByteString): { readonly fd: number } };

/** Returns the stat of what lies at a path in the target; undefined if nothing does, or it cannot be reached. */
export function statIn(target: FoldersByPath, path: ByteString): Stat | undefined {
  let found: Stat | undefined;
  unlessRefused(() => {
    if (path === "/") found = fstat(target.folderIfThere(path).fd);
    else found = lstatAt(target.folderIfThere(parentOf(path)).fd, baseName(path));
  });
  return found;
}

export class TargetView implements Disposable {
  readonly isSystemRoot: boolean;
  readonly #mounts = new UsersMounts();
  /** Undefined if the folder is missing. */
  readonly #root: number | undefined;
  #last: { readonly path: ByteString; readonly fd: number } | undefined;

  constructor(path: string) {
    this.isSystemRoot = path === "/";
    this.#root = openIfThere(path);
  }

  /** Returns a folder, whose descriptor is valid until the next call. Throws a SystemError if it is missing. */
  folderIfThere(path: ByteString): { readonly fd: number } {
    if (this.#root === undefined) throw systemError(constants.errno.ENOENT, "open", path);
    if (path === this.#last?.path) return this.#last;
    const { fd } = this.#mounts.open(this.#root, path.slice(1) as ByteString);
    this.#forget();
    this.#last = { path, fd };
    return this.#last;
  }

  [Symbol.dispose](): void {
    this.#forget();
    if (this.#root !== undefined) close(this.#root);
  }

  #forget(): void {
    if (this.#last !== undefined) close(this.#last.fd);
    this.#last = undefined;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openThroughOwnLinks(fromArgument(path));
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw unusable(path, error);
  }
}
