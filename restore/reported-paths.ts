/**
 * Remembers which paths were reported, so that each is reported once: folders that lead to a bundle lie among the files, too, and other paths
 * may. Kept on disk: a backup may have millions.
 */
import type { ByteString } from "../core/format/path.ts";
import { openScratchDatabase } from "../core/system/scratch-database.ts";
import type { ChosenEntry } from "./choosing/chosen.ts";

export class ReportedPaths implements Disposable {
  readonly #database = openScratchDatabase("CREATE TEMP TABLE reported (path TEXT PRIMARY KEY) WITHOUT ROWID");
  readonly #insert = this.#database.query("INSERT OR IGNORE INTO reported VALUES (?)");
  /** The last file that was reported before. */
  #passed: ByteString | undefined;

  /** Returns the entries that no call before had. */
  among(chosen: readonly ChosenEntry[]): ChosenEntry[] {
    return this.#database.transaction(() => chosen.filter((one) => this.#isNew(one)))();
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #isNew({ entry }: ChosenEntry): boolean {
    if (entry.type === "segment") return entry.file !== this.#passed;
    const isNew = this.#insert.run(entry.path).changes > 0;
    if (!isNew) this.#passed = entry.path;
    return isNew;
  }
}
