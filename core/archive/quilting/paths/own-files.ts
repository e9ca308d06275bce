/**
 * What this program itself writes during a run: its state, and a bucket in a directory. A `find /` picks both. They change
 * all the time, and opening a state database here would end the locks that SQLite has on it. They are known by device and
 * inode, so also under other names.
 */
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ByteString, fromText } from "../../../format/path.ts";
import { lstat, type Stat } from "../../../system/stat.ts";
import { isStateFile } from "../../state/folder.ts";

type OwnFile = { readonly device: number; readonly what: string };

export class OwnFiles {
  readonly #files = new Map<bigint, OwnFile>();

  /** Call when the state database is open. */
  static async of(stateDir: string, bucketUrl: string): Promise<OwnFiles> {
    const own = new OwnFiles();
    if (bucketUrl.startsWith("file:")) await own.#add(fileURLToPath(bucketUrl), "the bucket itself");
    const names = await readdir(stateDir).catch(() => []);
    const state = "the state of this program";
    for (const name of names) if (isStateFile(name)) await own.#add(join(stateDir, name), state);
    // A folder for other things too is kept, without the state.
    if (names.every(isStateFile)) await own.#add(stateDir, state);
    return own;
  }

  /** Throws an `OwnPath` if the path is one of them. */
  refuse(path: ByteString, { device, inode }: Pick<Stat, "device" | "inode">): void {
    const found = this.#files.get(inode);
    if (found !== undefined && found.device === device) throw new OwnPath(path, found.what);
  }

  async #add(path: string, what: string): Promise<void> {
    try {
      const { device, inode } = lstat(fromText(await realpath(path)));
      this.#files.set(inode, { device, what });
    } catch {
      // It is gone: nobody picks it.
    }
  }
}

/** Error for a path that is not kept, with all that lies in it, as it is this program's own. */
export class OwnPath extends Error {
  constructor(
    readonly path: ByteString,
    what: string,
  ) {
    super(`it is ${what}`);
  }
}
