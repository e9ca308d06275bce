/**
 * What this program itself writes during a run: its state, and a bucket in a directory. A `find /` picks both. They change
 * all the time, and opening a state database here would end the locks that SQLite has on it. They are known by device and
 * inode, so also under other names.
 */
import type { ByteString } from "../../../format/path.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";

type FileIdentity = Pick<Stat, "device" | "inode">;
type OwnFile = { readonly device: number; readonly what: string };

export class OwnFiles {
  readonly #files = new Map<bigint, OwnFile>();

  /** `what` follows "it is". */
  add({ device, inode }: FileIdentity, what: string): void {
    this.#files.set(inode, { device, what });
  }

  has(file: FileIdentity): boolean {
    return this.#find(file) !== undefined;
  }

  /** Throws an `OwnPath` if the path is one of them. */
  refuse(path: ByteString, file: FileIdentity): void {
    const found = this.#find(file);
    if (found !== undefined) throw new OwnPath(path, found.what);
  }

  #find({ device, inode }: FileIdentity): OwnFile | undefined {
    const found = this.#files.get(inode);
    return found?.device === device ? found : undefined;
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
