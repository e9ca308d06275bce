/**
 * Finds what the target has, and the backup does not, among what is selected. Nothing is entered that lies on another mount, and
 * nothing found that is spared: the program itself, the bucket, the state, database dumps that were fetched.
 */
import type { Database } from "bun:sqlite";
import { dumpsFolder } from "../../core/format/entries/dump.ts";
import { type ByteString, join } from "../../core/format/path.ts";
import type { Pauses } from "../../core/pauses.ts";
import { namesIn } from "../../core/system/files/names.ts";
import { fstat, type Inode, type Stat, sameInode } from "../../core/system/filesystem/stat.ts";
import { openScratchDatabase } from "../../core/system/scratch-database.ts";
import type { ChosenPart } from "../choosing/chosen.ts";
import type { Selection } from "../choosing/select.ts";
import { unlessRefused } from "../target/refused.ts";
import { type FoldersByPath, statIn } from "../target/target-view.ts";
import { isStagingName, isTemporary } from "../target/temporary.ts";
import { mountOf } from "../target/users-mounts.ts";

export type Extra = { readonly path: ByteString; readonly isFolder: boolean };

export type ExtrasDeps = {
  readonly target: FoldersByPath;
  readonly selection: Selection;
  readonly pauses: Pauses;
  /** Files and folders that are never found. */
  readonly spared: readonly Inode[];
};

const tables =
  "CREATE TEMP TABLE known (path TEXT PRIMARY KEY) WITHOUT ROWID;" +
  "CREATE TEMP TABLE extra (path TEXT PRIMARY KEY, folder INTEGER) WITHOUT ROWID;" +
  "CREATE TEMP TABLE ahead (depth INTEGER, path TEXT, selected INTEGER, PRIMARY KEY (depth, path)) WITHOUT ROWID;";

/** A folder that is still to be looked into. */
type AheadRow = { readonly path: ByteString; readonly selected: number };
type ExtraRow = { readonly path: ByteString; readonly folder: number };

export class Extras implements Disposable {
  readonly #deps: ExtrasDeps;
  readonly #database: Database = openScratchDatabase(tables);
  readonly #know = this.#database.query("INSERT OR IGNORE INTO known VALUES (?)");
  readonly #isKnown = this.#database.query("SELECT 1 FROM known WHERE path = ?");
  readonly #add = this.#database.query("INSERT OR IGNORE INTO extra VALUES (?, ?)");
  readonly #addAhead = this.#database.query("INSERT OR IGNORE INTO ahead VALUES (?, ?, ?)");
  readonly #takeAhead = this.#database.query<AheadRow, [number]>(
    "DELETE FROM ahead WHERE (depth, path) = (SELECT depth, path FROM ahead WHERE depth = ? ORDER BY path LIMIT 1) RETURNING path, selected",
  );
  count = 0;
  /** Places that were not looked into, as another filesystem is mounted there. */
  readonly mounts: ByteString[] = [];

  constructor(deps: ExtrasDeps) {
    this.#deps = deps;
  }

  /** Registers what the backup has. Call for all of it before `find`. */
  know({ chosen }: ChosenPart): void {
    this.#database.transaction(() => {
      for (const { entry } of chosen) if (entry.type !== "segment") this.#know.run(entry.path);
    })();
  }

  async find(): Promise<void> {
    for (const path of this.#deps.selection.found()) {
      if (this.#statOf(path)?.type === "folder") await this.#look(path);
    }
  }

  /** Yields what was found, what lies in a folder before it. */
  *found(): Generator<Extra> {
    const rows = this.#database.query<ExtraRow, []>("SELECT path, folder FROM extra ORDER BY path DESC");
    for (const { path, folder } of rows.iterate()) yield { path, isFolder: folder === 1 };
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  /** Returns whether all that lies in a folder was found. `depth`: of folders that are being looked into. */
  async #look(folder: ByteString, depth = 0): Promise<boolean> {
    const { selection, pauses } = this.#deps;
    let all = true;
    for (const { path, found } of this.#entriesOf(folder)) {
      if (pauses.due(0)) await pauses.take();
      const isFolder = found.type === "folder";
      const role = selection.role(path, isFolder);
      if (role === "none" || path === dumpsFolder || this.#isSpared(found)) all = false;
      else if (isFolder) this.#addAhead.run(depth, path, role === "selected" ? 1 : 0);
      else if (role === "selected" && this.#isKnown.get(path) === null) this.#found(path, false);
      else all = false;
    }
    for (let next = this.#takeAhead.get(depth); next !== null; next = this.#takeAhead.get(depth)) {
      const { path, selected } = next;
      const isEmpty = this.#isOtherMount(folder, path) ? false : await this.#look(path, depth + 1);
      if (isEmpty && selected === 1 && this.#isKnown.get(path) === null) this.#found(path, true);
      else all = false;
    }
    return all;
  }

  *#entriesOf(folder: ByteString): Generator<{ readonly path: ByteString; readonly found: Stat }> {
    for (const name of this.#namesIn(folder)) {
      const path = join(folder, name);
      // Of this restore, or one that was killed.
      const isOurs = isStagingName(name) || isTemporary(name);
      const found = isOurs ? undefined : statIn(this.#deps.target, path);
      if (found !== undefined) yield { path, found };
    }
  }

  *#namesIn(folder: ByteString): Generator<ByteString> {
    let names: Generator<ByteString> | undefined;
    const next = () => {
      let found: IteratorResult<ByteString> | undefined;
      unlessRefused(() => {
        names ??= namesIn(this.#deps.target.folderIfThere(folder).fd);
        found = names.next();
      });
      return found;
    };
    for (let found = next(); found !== undefined && found.done !== true; found = next()) yield found.value;
  }

  #statOf(path: ByteString): Stat | undefined {
    let found: Stat | undefined;
    unlessRefused(() => {
      found = fstat(this.#deps.target.folderIfThere(path).fd);
    });
    return found;
  }

  #isOtherMount(folder: ByteString, path: ByteString): boolean {
    const [above, found] = [this.#statOf(folder), this.#statOf(path)];
    if (found === undefined || above === undefined) return true;
    if (mountOf(found) === mountOf(above)) return false;
    this.mounts.push(path);
    return true;
  }

  #isSpared(found: Stat): boolean {
    return this.#deps.spared.some((one) => sameInode(one, found));
  }

  #found(path: ByteString, isFolder: boolean): void {
    this.#add.run(path, isFolder ? 1 : 0);
    this.count += 1;
  }
}
