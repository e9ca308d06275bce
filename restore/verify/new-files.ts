/** Finds what is new in folders of a backup since it was made. Memory does not grow with the number of names in a folder. */
import type { Database } from "bun:sqlite";
import { type ByteString, baseName, join, parentOf } from "../../core/format/path.ts";
import type { Pauses } from "../../core/pauses.ts";
import { namesIn } from "../../core/system/files/names.ts";
import type { OpenFolders } from "../../core/system/files/open-folders.ts";
import { lstatAt } from "../../core/system/filesystem/stat.ts";

/** What is new in one folder. */
const freshTable = "CREATE TEMP TABLE fresh (path TEXT PRIMARY KEY) WITHOUT ROWID";

export type NewFilesDeps = {
  /** The database of `ListedPaths`, with all that the backup has. */
  readonly database: Database;
  readonly openFolders: OpenFolders;
  /** When the backup began: milliseconds since 1970. */
  readonly began: number;
  readonly pauses: Pauses;
  readonly report: (path: ByteString) => void;
};

/** New paths that are in memory at once. */
const mostHeld = 10_000;

export class NewFiles {
  readonly #deps: NewFilesDeps;
  #held: ByteString[] = [];
  #isSpilled = false;

  constructor(deps: NewFilesDeps) {
    this.#deps = deps;
    deps.database.run(freshTable);
  }

  /** Reports what is new in each folder in byte order of path. What lies in a new folder is reported with that. */
  async find(): Promise<void> {
    const { database, pauses } = this.#deps;
    const folders = database.query<{ path: ByteString }, []>("SELECT path FROM listed WHERE folder = 1 ORDER BY path");
    const isKnown = database.query<unknown, [string]>("SELECT 1 FROM listed WHERE path = ?");
    for (const { path } of folders.iterate()) {
      for (const name of this.#namesIn(path)) {
        if (pauses.due(0)) await pauses.take();
        const child = join(path, name);
        if (isKnown.get(child) === null && this.#isNew(child)) this.#hold(child);
      }
      this.#reportHeld();
    }
  }

  #hold(path: ByteString): void {
    this.#held.push(path);
    if (this.#held.length >= mostHeld) this.#spill();
  }

  #spill(): void {
    const { database } = this.#deps;
    const insert = database.query<unknown, [string]>("INSERT OR IGNORE INTO fresh VALUES (?)");
    database.transaction(() => {
      for (const path of this.#held) insert.run(path);
    })();
    this.#held = [];
    this.#isSpilled = true;
  }

  #reportHeld(): void {
    const { database, report } = this.#deps;
    if (!this.#isSpilled) {
      for (const path of this.#held.sort()) report(path);
      this.#held = [];
      return;
    }
    this.#spill();
    const all = database.query<{ path: ByteString }, []>("SELECT path FROM fresh ORDER BY path");
    for (const { path } of all.iterate()) report(path);
    database.run("DELETE FROM fresh");
    this.#isSpilled = false;
  }

  /** By its descriptor: the folder may have become a link by now. */
  *#namesIn(folder: ByteString): Generator<ByteString> {
    try {
      yield* namesIn(this.#deps.openFolders.at(folder));
    } catch {
      // A change of the folder itself is reported already.
    }
  }

  /** Returns whether a path was made or changed since the backup began. Older ones were not picked. Sockets are never kept. */
  #isNew(path: ByteString): boolean {
    const { openFolders, began } = this.#deps;
    try {
      const found = lstatAt(openFolders.at(parentOf(path)), baseName(path));
      if (found === undefined) return false;
      const { type, changed } = found;
      return type !== "socket" && changed.seconds * 1000 + changed.nanoseconds / 1e6 >= began;
    } catch {
      return false;
    }
  }
}
