/** A set of paths in byte order that may be larger than memory: then it is a table that SQLite spills to disk. */
import type { Statement } from "bun:sqlite";
import type { ByteString } from "../../../format/path.ts";
import { openScratchDatabase } from "../../../system/scratch-database.ts";

const pageSize = 2_000;
/** Bytes that paths in memory take: those of some 130,000 files. */
const mostHeld = 16 * 1024 * 1024;
/** What a text takes besides its characters, about. */
const bytesOfText = 64;

export class PathSet implements Disposable {
  /** Paths that are not in the table, perhaps some of them twice. */
  #held: ByteString[] = [];
  #heldBytes = 0;
  #table: PathTable | undefined;

  add(path: ByteString): void {
    this.#held.push(path);
    this.#heldBytes += path.length + bytesOfText;
    if (this.#heldBytes >= mostHeld) this.#spill();
  }

  /** Paths may not be added meanwhile. */
  inOrder(): Iterable<ByteString> {
    return this.#table === undefined ? this.#sorted() : this.#spill().inOrder();
  }

  get size(): number {
    return this.#table === undefined ? this.#sorted().length : this.#spill().size;
  }

  [Symbol.dispose](): void {
    this.#table?.close();
  }

  #sorted(): readonly ByteString[] {
    const sorted = this.#held.sort();
    this.#held = sorted.filter((path, at) => path !== sorted[at - 1]);
    return this.#held;
  }

  #spill(): PathTable {
    this.#table ??= new PathTable();
    // Sorted rows fill a B-tree page by page.
    this.#table.insert(this.#sorted());
    this.#held = [];
    this.#heldBytes = 0;
    return this.#table;
  }
}

class PathTable {
  readonly #database = openScratchDatabase("CREATE TEMP TABLE paths (path TEXT PRIMARY KEY) WITHOUT ROWID");
  readonly #insert: Statement<unknown, [string]>;
  readonly insert: (paths: readonly ByteString[]) => void;

  constructor() {
    this.#insert = this.#database.query("INSERT OR IGNORE INTO paths VALUES (?)");
    this.insert = this.#database.transaction((paths: readonly ByteString[]) => {
      for (const path of paths) this.#insert.run(path);
    });
  }

  *inOrder(): Generator<ByteString> {
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
    return this.#database.query<{ n: number }, []>("SELECT count(*) AS n FROM paths").get()?.n ?? 0;
  }

  close(): void {
    this.#database.close();
  }
}
