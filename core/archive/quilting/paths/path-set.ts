/** A set of paths in byte order that may be larger than memory: a table that SQLite spills to disk. */
import type { Statement } from "bun:sqlite";
import type { ByteString } from "../../../format/path.ts";
import { openScratchDatabase } from "../../../system/scratch-database.ts";

const pageSize = 2_000;
const batchSize = 10_000;

export class PathSet implements Disposable {
  readonly #database = openScratchDatabase("CREATE TEMP TABLE paths (path TEXT PRIMARY KEY) WITHOUT ROWID");
  readonly #insert: Statement<unknown, [string]>;
  readonly #insertAll: (paths: readonly ByteString[]) => void;
  #batch: ByteString[] = [];

  constructor() {
    this.#insert = this.#database.query("INSERT OR IGNORE INTO paths VALUES (?)");
    this.#insertAll = this.#database.transaction((paths: readonly ByteString[]) => {
      for (const path of paths) this.#insert.run(path);
    });
  }

  add(path: ByteString): void {
    if (this.#batch.push(path) >= batchSize) this.#flush();
  }

  *inOrder(): Generator<ByteString> {
    this.#flush();
    const page = this.#database.query<unknown, [string]>(
      `SELECT path FROM paths WHERE path > ? ORDER BY path LIMIT ${pageSize}`,
    );
    let last = "";
    for (;;) {
      const rows = page.values(last) as [ByteString][];
      for (const [path] of rows) yield path;
      const end = rows.at(-1);
      if (rows.length < pageSize || end === undefined) return;
      last = end[0];
    }
  }

  get size(): number {
    this.#flush();
    return this.#database.query<{ n: number }, []>("SELECT count(*) AS n FROM paths").get()?.n ?? 0;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    // Sorted rows fill a B-tree page by page.
    this.#insertAll(this.#batch.sort());
    this.#batch = [];
  }
}
