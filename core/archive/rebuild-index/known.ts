/** What the index objects of a backup name say already: versions, and until when they are locked. */
import type { Database } from "bun:sqlite";
import { BucketError, type BucketReader } from "../../bucket/contract.ts";
import { reasonOf } from "../../failure.ts";
import { FormatError } from "../../format/error.ts";
import type { IndexLine } from "../../format/index-object.ts";
import { parseIndexKey, prefixes } from "../../format/keys.ts";
import type { Notify } from "../../notice.ts";
import { readIndexObject } from "../../stored/index-object.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";

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
  async learn(lines: AsyncIterable<IndexLine>): Promise<void> {
    this.#database.run("BEGIN");
    try {
      for await (const line of lines) {
        if ("object" in line) this.#insert.run(line.object.key, line.object.version, timeOf(line.object));
        if ("extended" in line) this.#extend.run(timeOf(line.extended), line.extended.key, line.extended.version);
      }
      this.#database.run("COMMIT");
    } catch (error) {
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
      throw error;
    }
  }

  /** When the lock of a version ends, by the index; undefined if the index does not have it. */
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

export type OwnIndex = {
  readonly bucket: Pick<BucketReader, "get" | "list">;
  readonly name: string;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/** Reads all index objects of the name. Returns the key of the last; skips, with a notice, what is damaged. */
export async function readOwnIndex({ bucket, name, notify, signal }: OwnIndex, known: KnownVersions) {
  let last: string | undefined;
  for await (const page of bucket.list(`${prefixes.index}${name}/`)) {
    for (const { key } of page) {
      if (parseIndexKey(key) === undefined) continue;
      signal.throwIfAborted();
      last = key;
      try {
        await known.learn(readIndexObject(bucket, { key }));
      } catch (error) {
        if (!isDamage(error)) throw error;
        const message = `the index object ${JSON.stringify(key)} is skipped: ${reasonOf(error)}; what it has is read from packs`;
        notify({ level: "warning", code: "index-damaged", message });
      }
    }
  }
  return last;
}

function isDamage(error: unknown): boolean {
  return error instanceof FormatError || (error instanceof BucketError && ["damaged", "missing"].includes(error.kind));
}
