/**
 * Which path stands first for a file with several names: entries name it, and restore links to it. Larger than memory where
 * it must be, as `PathSet` is.
 */
import type { Statement } from "bun:sqlite";
import type { ByteString } from "../../../format/path.ts";
import { openScratchDatabase } from "../../../system/scratch-database.ts";
import type { Stat } from "../../../system/stat.ts";

export class HardLinks implements Disposable {
  private readonly database = openScratchDatabase(
    "CREATE TEMP TABLE links (device INTEGER, inode TEXT, path TEXT, PRIMARY KEY (device, inode)) WITHOUT ROWID",
  );
  private readonly insert: Statement<unknown, [number, string, string]>;
  private readonly select: Statement<{ path: ByteString }, [number, string]>;

  constructor() {
    this.insert = this.database.query("INSERT OR IGNORE INTO links VALUES (?, ?, ?)");
    this.select = this.database.query("SELECT path FROM links WHERE device = ? AND inode = ?");
  }

  /** The first path in byte order of the same file, as long as paths come in that order; undefined for one name. */
  firstOf(path: ByteString, { links, device, inode }: Stat): ByteString | undefined {
    if (links < 2) return undefined;
    const number = inode.toString();
    this.insert.run(device, number, path);
    return this.select.get(device, number)?.path ?? path;
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}
