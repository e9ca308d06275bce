/**
 * Finds further names of a file within a bundle, so that its content is stored once. Device and inode alone do not prove that two
 * names are of one file: an inode may be used again meanwhile. Its time of birth, and that of its last change, do.
 */
import type { Statement } from "bun:sqlite";
import type { HeadEntry } from "../../format/entries/entry-json.ts";
import { likenessOf } from "../../format/entries/likeness.ts";
import { type ByteString, isByteString } from "../../format/path.ts";
import type { Stat } from "../../system/filesystem/stat.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { decodeTarExtents, type TarExtent } from "./table.ts";

/** `extents`: undefined for anything but a file. */
type SameName = { readonly path: ByteString; readonly extents: readonly TarExtent[] | undefined };

type SameFileRow = { readonly path: string; readonly extents: string };
type Key = [device: number, inode: string, times: string, likeness: string];

export class SameFiles implements Disposable {
  readonly #database = openScratchDatabase(`CREATE TEMP TABLE names (
    device INTEGER, inode TEXT, times TEXT, likeness TEXT, path TEXT, extents TEXT,
    PRIMARY KEY (device, inode, times, likeness)
  ) WITHOUT ROWID`);
  readonly #find: Statement<SameFileRow, Key>;
  readonly #add: Statement<unknown, [...Key, string, string]>;

  constructor() {
    const same = "device = ? AND inode = ? AND times = ? AND likeness = ?";
    this.#find = this.#database.query(`SELECT path, extents FROM names WHERE ${same}`);
    this.#add = this.#database.query("INSERT OR IGNORE INTO names VALUES (?, ?, ?, ?, ?, ?)");
  }

  /** Returns the first name of the same file; undefined if there was none, or if that is not sure. */
  find(entry: HeadEntry, stat: Stat): SameName | undefined {
    const row = mayHaveNames(stat) ? this.#find.get(...keyOf(entry, stat)) : null;
    if (row === null || !isByteString(row.path)) return undefined;
    return { path: row.path, extents: entry.type === "file" ? decodeTarExtents(row.extents) : undefined };
  }

  add(entry: HeadEntry, stat: Stat, extents: readonly TarExtent[]): void {
    if (mayHaveNames(stat)) this.#add.run(...keyOf(entry, stat), entry.path, JSON.stringify(extents));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** Some filesystems do not say when a file was made: there, further names are copies. */
export function mayHaveNames({ type, links, born }: Stat): boolean {
  return type !== "folder" && links > 1 && (born.seconds !== 0 || born.nanoseconds !== 0);
}

function keyOf(entry: HeadEntry, { device, inode, changed, born, size }: Stat): Key {
  const times = [changed.seconds, changed.nanoseconds, born.seconds, born.nanoseconds, size].join(" ");
  // Without holes, which are known only once it is read.
  const plain = entry.type === "file" ? { ...entry, holes: [] } : entry;
  return [device, inode.toString(), times, likenessOf(plain, [])];
}
