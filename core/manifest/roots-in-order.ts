/** Puts roots in order of when the server stored them: on disk, as anybody may put very many. */
import type { DatedVersion } from "../bucket/contract.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";
import { type ListedRoot, wordOf } from "./roots.ts";

const schema = `
  CREATE TEMP TABLE roots (
    rank INTEGER NOT NULL, stored INTEGER NOT NULL,
    -- What names exactly this root.
    key TEXT NOT NULL,
    -- All of it but when it was stored, as JSON.
    rest TEXT NOT NULL,
    PRIMARY KEY (rank, stored, key)
  ) WITHOUT ROWID`;

/** A root as JSON has it: dates are text. */
type NotedRoot = Omit<ListedRoot, "stored" | "versions"> & {
  readonly versions: readonly (Omit<DatedVersion, "stored"> & { readonly stored: string })[];
};

type RowPlace = { readonly rank: number; readonly stored: number; readonly key: string };
type RootRow = RowPlace & { readonly rest: string };
const pageSize = 100;

export class RootsInOrder implements Disposable {
  readonly #database = openScratchDatabase(schema);
  readonly #insert = this.#database.query<null, [number, number, string, string]>(
    "INSERT OR REPLACE INTO roots VALUES (?, ?, ?, ?)",
  );
  readonly #page = this.#database.query<RootRow, [number, number, string, number]>(
    "SELECT * FROM roots WHERE (rank, stored, key) > (?, ?, ?) ORDER BY rank, stored, key LIMIT ?",
  );

  /** Those of a lower rank come first; none is negative. */
  add(root: ListedRoot, rank = 0): void {
    const { stored, ...rest } = root;
    this.#insert.run(rank, stored.getTime(), wordOf(root), JSON.stringify(rest));
  }

  /** Yields them in the order of `byStored`. */
  *[Symbol.iterator](): Generator<ListedRoot> {
    let last: RowPlace | undefined = { rank: -1, stored: 0, key: "" };
    while (last !== undefined) {
      const rows: RootRow[] = this.#page.all(last.rank, last.stored, last.key, pageSize);
      for (const row of rows) yield rootOf(row);
      last = rows.at(-1);
    }
  }

  clear(): void {
    this.#database.run("DELETE FROM roots");
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function rootOf({ stored, rest }: RootRow): ListedRoot {
  const parsed: NotedRoot = JSON.parse(rest);
  const versions = parsed.versions.map((version) => ({ ...version, stored: new Date(version.stored) }));
  return { ...parsed, stored: new Date(stored), versions };
}
