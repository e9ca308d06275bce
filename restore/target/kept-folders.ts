/** Keeps folders open that were asked for last, and closes the others. */
import type { ByteString } from "../../core/format/path.ts";
import { close } from "../../core/system/files/files.ts";
import { descriptorShare } from "../../core/system/threads/limits.ts";
import type { Folder } from "./folder.ts";

/** Bound on open folders. Files in progress come on top; the usual limit is 1,024 descriptors. */
const mostOpen = descriptorShare(128);

export class KeptFolders {
  /** The one that was asked for longest ago comes first. */
  readonly #open = new Map<ByteString, Folder>();
  #lastPath: ByteString | undefined;
  #last: Folder | undefined;

  has(path: ByteString): boolean {
    return this.#open.has(path);
  }

  /** Returns a folder if it is open. It may be closed before others. */
  find(path: ByteString): Folder | undefined {
    return this.#open.get(path);
  }

  /** Returns a folder if it is open. It is closed after others. */
  take(path: ByteString): Folder | undefined {
    if (path === this.#lastPath) return this.#last;
    const folder = this.#open.get(path);
    if (folder === undefined) return undefined;
    this.#open.delete(path);
    return this.keep(path, folder);
  }

  /** Returns the folder, which is now the last that was asked for. */
  keep(path: ByteString, folder: Folder): Folder {
    this.#open.set(path, folder);
    this.#lastPath = path;
    this.#last = folder;
    if (this.#open.size > mostOpen) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.close(oldest);
    }
    return folder;
  }

  /** Closes a folder if it is open. */
  close(path: ByteString): void {
    const folder = this.#open.get(path);
    if (folder === undefined) return;
    this.#open.delete(path);
    if (path === this.#lastPath) this.#lastPath = undefined;
    close(folder.fd);
  }

  /** Closes a folder, and all that are below its path. */
  closeBelow(path: ByteString): void {
    for (const open of [...this.#open.keys()]) if (open === path || open.startsWith(`${path}/`)) this.close(open);
  }

  closeAll(): void {
    for (const path of [...this.#open.keys()]) this.close(path);
  }
}
