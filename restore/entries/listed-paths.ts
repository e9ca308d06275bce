/**
 * Remembers the paths of the lists of a backup, so that each is dealt with once: folders that lead to a bundle lie among the files, too, and
 * other paths may. Kept on disk: a backup may have millions.
 */
import type { PartEntry } from "../../core/format/entries/entry.ts";
import { behindSegments, isContinued } from "../../core/format/entries/segment.ts";
import type { ByteString } from "../../core/format/path.ts";
import { openScratchDatabase } from "../../core/system/scratch-database.ts";

export class ListedPaths implements Disposable {
  /** Has a table `listed`. */
  readonly database = openScratchDatabase(
    "CREATE TEMP TABLE listed (path TEXT PRIMARY KEY, folder INTEGER NOT NULL) WITHOUT ROWID",
  );
  readonly #insert = this.database.query("INSERT OR IGNORE INTO listed VALUES (?, ?)");
  /** Files that a list before has, and whose segments may still come: other files may sort between. */
  #passed: ByteString[] = [];

  /** Returns the entries, in order, that no list before has. Call for the entries of each list in order. */
  newAmong(entries: readonly PartEntry[]): ReadonlySet<PartEntry> {
    return new Set(this.database.transaction(() => entries.filter((entry) => this.#isNew(entry)))());
  }

  [Symbol.dispose](): void {
    this.database.close();
  }

  #isNew(entry: PartEntry): boolean {
    if (entry.type === "segment") return !this.#passed.includes(entry.file);
    const isNew = this.#insert.run(entry.path, entry.type === "folder" ? 1 : 0).changes > 0;
    if (!isNew && isContinued(entry)) {
      this.#passed = this.#passed.filter((file) => file < entry.path && entry.path < behindSegments(file));
      this.#passed.push(entry.path);
    }
    return isNew;
  }
}
