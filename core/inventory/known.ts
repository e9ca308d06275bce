/** What index objects or verified objects say already: versions, and until when they are locked. */

import type { Database } from "bun:sqlite";
import type { IndexLine } from "../format/index/index-object.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";
import { inTransaction } from "../system/transaction.ts";

const schema = `
  CREATE TEMP TABLE known (
    key TEXT NOT NULL, version TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (key, version)
  ) WITHOUT ROWID;
`;

export class KnownVersions implements Disposable {
  readonly #database: Database = openScratchDatabase(schema);
  readonly #insert = this.#database.query<null, [string, string, number]>(
    "INSERT INTO known VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
  );
  readonly #extend = this.#database.query<null, [number, string, string]>(
    "UPDATE known SET until = max(until, ?) WHERE key = ? AND version = ?",
  );
  readonly #find = this.#database.query<{ until: number }, [string, string]>(
    "SELECT until FROM known WHERE key = ? AND version = ?",
  );

  /** Takes all lines of an index object, or none if one of them is malformed. */
  learn(lines: AsyncIterable<IndexLine>): Promise<void> {
    return inTransaction(this.#database, async () => {
      for await (const line of lines) {
        if ("object" in line) this.#insert.run(line.object.key, line.object.version, timeOf(line.object));
        if ("extended" in line) this.#extend.run(timeOf(line.extended), line.extended.key, line.extended.version);
      }
    });
  }

  add(key: string, version: string, until: Date): void {
    this.#insert.run(key, version, until.getTime());
  }

  /** Returns when the lock of a version ends, by the index; undefined if the index does not have it. */
  lockedUntil(key: string, version: string): Date | undefined {
    const row = this.#find.get(key, version);
    return row === null ? undefined : new Date(row.until);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function timeOf({ retain_until }: { readonly retain_until: string }): number {
  return new Date(retain_until).getTime();
}
