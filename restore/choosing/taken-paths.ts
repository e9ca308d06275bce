/**
 * Remembers which entry has which path in the target, as `--strip-components` makes one path of several: the first one keeps it, since
 * nobody could say which file the last one has replaced. Kept on disk: a backup may have millions.
 */
import type { PartEntry } from "../../core/format/entries/entry.ts";
import { type ByteString, parentOf } from "../../core/format/path.ts";
import { openScratchDatabase } from "../../core/system/scratch-database.ts";

/** `new`: it has its path alone. `merged`: a folder that another one has made. `refused`: something else has its path, or lies above. */
export type Claim = "new" | "merged" | "refused";

type TakenRow = { readonly stored: ByteString; readonly folder: number };

const tables = "CREATE TEMP TABLE taken (path TEXT PRIMARY KEY, stored TEXT, folder INTEGER) WITHOUT ROWID";

export class TakenPaths implements Disposable {
  readonly #database = openScratchDatabase(tables);
  readonly #insert = this.#database.query("INSERT INTO taken VALUES (?, ?, ?)");
  readonly #at = this.#database.query<TakenRow, [ByteString]>("SELECT stored, folder FROM taken WHERE path = ?");
  /** The folder that was looked at last, and whether what lies in it can be made. */
  #last: { readonly folder: ByteString; readonly isFree: boolean } | undefined;

  /** Call for the entries of a part. All that it registers is written at once. */
  forPart<Result>(action: () => Result): Result {
    return this.#database.transaction(action)();
  }

  /** `entry`: as in the backup; `path`: its path in the target, or that of its file. */
  claim(entry: PartEntry, path: ByteString): Claim {
    const stored = entry.type === "segment" ? entry.file : entry.path;
    const taken = this.#at.get(path);
    if (taken?.stored === stored) return "new";
    const isFolder = entry.type === "folder";
    if (taken !== null) return isFolder && taken.folder === 1 ? "merged" : "refused";
    if (entry.type === "segment") return "new";
    if (!this.#isFree(parentOf(path))) return "refused";
    this.#insert.run(path, stored, isFolder ? 1 : 0);
    return "new";
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Returns whether neither a folder's path nor one above it is taken by something that is no folder. */
  #isFree(folder: ByteString): boolean {
    if (folder === "/") return true;
    if (this.#last?.folder === folder) return this.#last.isFree;
    const taken = this.#at.get(folder);
    const isFree = (taken === null || taken.folder === 1) && this.#isFree(parentOf(folder));
    this.#last = { folder, isFree };
    return isFree;
  }
}
