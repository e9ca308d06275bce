/**
 * Finds the first path of each file with several names. The entries of the other names refer to it, and restore links
 * them to it.
 *
 * Device and inode alone do not prove that two paths are one file: an inode may be used again during the run, and some
 * filesystems give one number to many files. So a path is linked only to a path of this backup whose entry is the same
 * in every respect, content included. The table may be larger than memory, like `PathSet`.
 */
import type { Statement } from "bun:sqlite";
import type { EntryHead, HeadEntry } from "../../../format/entries/entry-json.ts";
import { decodeRow, type ExtentsText } from "../../../format/entries/entry-row.ts";
import { type AlikeContent, likenessOf } from "../../../format/entries/likeness.ts";
import { FormatError } from "../../../format/error.ts";
import type { ByteString } from "../../../format/path.ts";
import type { Stat } from "../../../system/filesystem/stat.ts";
import { openScratchDatabase } from "../../../system/scratch-database.ts";

/** An entry of the last run. `extents` is null for all but files. */
type KnownEntry = { readonly head: EntryHead; readonly extents: ExtentsText | null };

/** First path of a file. `likeness` is null for a kept entry of the last run until it is compared. */
type FirstName = { readonly path: ByteString; readonly likeness: string | null };

type Identity = readonly [device: number, inode: string];

const schema = `CREATE TEMP TABLE leaders (
  device INTEGER, inode TEXT, path TEXT, look TEXT, likeness TEXT, kept INTEGER, PRIMARY KEY (device, inode, path)
) WITHOUT ROWID`;

export class HardLinks implements Disposable {
  readonly #database = openScratchDatabase(schema);
  readonly #insert: Statement<unknown, [...Identity, string, string, string | null, number]>;
  readonly #any: Statement<unknown, [...Identity]>;
  readonly #kept: Statement<unknown, [...Identity, string, string]>;
  readonly #alike: Statement<FirstName, [...Identity, string, string]>;
  readonly #settle: Statement<unknown, [string, ...Identity, string]>;
  readonly #rowOf: (path: ByteString) => KnownEntry | undefined;

  /** `rowOf`: returns the entry of a path that `keeps` was true for. */
  constructor(rowOf: (path: ByteString) => KnownEntry | undefined) {
    this.#rowOf = rowOf;
    const same = "device = ? AND inode = ?";
    this.#insert = this.#database.query("INSERT OR REPLACE INTO leaders VALUES (?, ?, ?, ?, ?, ?)");
    this.#any = this.#database.query(`SELECT 1 FROM leaders WHERE ${same} LIMIT 1`);
    this.#kept = this.#database.query(`SELECT 1 FROM leaders WHERE ${same} AND path = ? AND look = ? AND kept`);
    this.#alike = this.#database.query(
      `SELECT path, likeness FROM leaders WHERE ${same} AND look = ? AND (likeness = ? OR likeness IS NULL) ORDER BY path`,
    );
    this.#settle = this.#database.query(`UPDATE leaders SET likeness = ? WHERE ${same} AND path = ?`);
  }

  /**
   * Returns whether an unchanged entry that refers to `first` may stay as it is: `first` is kept too, or it is the path
   * itself and no other path came before.
   */
  keeps(path: ByteString, stat: Stat, first: ByteString): boolean {
    const identity = identityOf(stat);
    if (first !== path) return this.#kept.get(...identity, first, lookOf(stat)) !== null;
    if (this.#any.get(...identity) !== null) return false;
    this.#insert.run(...identity, path, lookOf(stat), null, 1);
    return true;
  }

  /**
   * Returns the first path of the file of `entry`; its own path if none came before; undefined for a file with one name.
   * Call when nothing can keep the entry out of the backup any more.
   */
  place(entry: HeadEntry, stat: Stat, content: AlikeContent): ByteString | undefined {
    if (!mayBeLinked(stat)) return undefined;
    const identity = identityOf(stat);
    const look = lookOf(stat);
    const likeness = likenessOf(entry, content);
    const first = this.#alike
      .all(...identity, look, likeness)
      .find((leader) => (leader.likeness ?? this.#likenessOfKept(identity, leader.path)) === likeness);
    if (first !== undefined) return first.path;
    this.#insert.run(...identity, entry.path, look, likeness, 0);
    return entry.path;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #likenessOfKept(identity: Identity, path: ByteString): string {
    const likeness = likenessOfRow(this.#rowOf(path));
    this.#settle.run(likeness, ...identity, path);
    return likeness;
  }
}

export function mayBeLinked({ type, links }: Stat): boolean {
  return links > 1 && type !== "folder";
}

function identityOf({ device, inode }: Stat): Identity {
  // Device and inode numbers may be beyond 2^63.
  return [device, inode.toString()];
}

/** Ctime of a file, which no entry records. */
function lookOf({ changed }: Stat): string {
  return `${changed.seconds} ${changed.nanoseconds}`;
}

/** Returns "", which equals no likeness, for a row that cannot be read: another version of the program may have written it. */
function likenessOfRow(row: KnownEntry | undefined): string {
  if (row === undefined) return "";
  try {
    const entry = decodeRow(row.head, row.extents);
    return likenessOf(entry, entry.type === "file" ? entry.extents : []);
  } catch (error) {
    if (error instanceof FormatError) return "";
    throw error;
  }
}
