/** Groups needed keys by folder: a folder is listed as a whole if many of its keys are needed. */
import type { Database } from "bun:sqlite";
import type { References } from "../../core/manifest/references/references.ts";

/** SQL for a key up to its last slash. */
const folder = "rtrim(key, replace(key, '/', ''))";

export class KeyFolders {
  readonly #database: Database;

  /** Call after all objects were added. */
  constructor({ database }: References) {
    this.#database = database;
    database.run(`CREATE INDEX temp.objects_folder ON objects (${folder}, key)`);
  }

  /** Returns each folder, with its slash, and the number of keys that are needed from it. */
  all(): { readonly folder: string; readonly objects: number }[] {
    return this.#database
      .query<{ folder: string; objects: number }, []>(
        `SELECT ${folder} folder, count(DISTINCT key) objects FROM objects GROUP BY 1 ORDER BY 1`,
      )
      .all();
  }

  /** Returns the keys that are needed from a folder. Call only for folders with few of them. */
  keysIn(name: string): string[] {
    return this.#database
      .query<{ key: string }, [string]>(`SELECT DISTINCT key FROM objects WHERE ${folder} = ? ORDER BY key`)
      .all(name)
      .map(({ key }) => key);
  }
}
