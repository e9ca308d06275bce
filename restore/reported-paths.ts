/**
 * Remembers which paths were reported, so that each is reported once: folders that lead to a bundle lie among the files, too, and other paths
 * may. Kept on disk: a backup may have millions.
 */
import { openScratchDatabase } from "../core/system/scratch-database.ts";
import type { ChosenEntry } from "./choosing/chosen.ts";

export class ReportedPaths implements Disposable {
  readonly #database = openScratchDatabase("CREATE TEMP TABLE reported (path TEXT PRIMARY KEY) WITHOUT ROWID");
  readonly #insert = this.#database.query("INSERT OR IGNORE INTO reported VALUES (?)");

  /** Returns the entries whose paths no call before had. */
  newAmong(chosen: readonly ChosenEntry[]): ReadonlySet<ChosenEntry> {
    const isNew = ({ entry }: ChosenEntry) => this.#insert.run(entry.path).changes > 0;
    return new Set(this.#database.transaction(() => chosen.filter(isNew))());
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
