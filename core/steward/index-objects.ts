/** Finds out which index objects and verified objects are still of use: those that speak of something which exists. */
import type { Database } from "bun:sqlite";
import type { Stored } from "../bucket/contract.ts";
import { throwIfFatal } from "../bucket/fatal.ts";
import { FormatError } from "../format/error.ts";
import type { IndexLine } from "../format/index/index-object.ts";
import { parseVerifiedKey } from "../format/keys/keys.ts";
import { readIndexObject, readVerifiedObject } from "../stored/index-object.ts";
import type { ObjectSource } from "../stored/read.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";

const schema = `
  CREATE TEMP TABLE remaining (key TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY (key, version)) WITHOUT ROWID;
`;

export class IndexObjects implements Disposable {
  readonly #remaining: Database = openScratchDatabase(schema);
  readonly #insert = this.#remaining.query<null, [string, string]>("INSERT OR IGNORE INTO remaining VALUES (?, ?)");
  readonly #find = this.#remaining.query<unknown, [string, string]>(
    "SELECT 1 FROM remaining WHERE key = ? AND version = ?",
  );

  readonly #bucket: ObjectSource;
  readonly #now: Date;

  constructor(bucket: ObjectSource, now: Date) {
    this.#bucket = bucket;
    this.#now = now;
  }

  /** Registers objects that exist. Call for all of them before `isUseful`. */
  addRemaining(objects: Iterable<Stored>): void {
    for (const { key, version } of objects) this.#insert.run(key, version);
  }

  /**
   * Returns whether an object exists that it introduced, as its chunks are then found by it alone; or one whose lock, as it says, was
   * moved to a date that is not past. A damaged index object is of no use to anyone; one of a newer format may be.
   */
  async isUseful({ key, version }: Stored): Promise<boolean> {
    try {
      let isUseful = false;
      // To the end: only then it is known to be whole.
      for await (const line of this.#linesOf({ key, version })) {
        if ("object" in line) isUseful ||= this.#exists(line.object);
        if ("extended" in line && new Date(line.extended.retain_until) > this.#now)
          isUseful ||= this.#exists(line.extended);
      }
      return isUseful;
    } catch (error) {
      if (error instanceof FormatError) return error.kind === "newer";
      const { kind } = throwIfFatal(error);
      // What cannot be read, such as in an archive tier where anybody may put it, is kept.
      return kind !== "missing" && kind !== "damaged";
    }
  }

  #linesOf(object: { readonly key: string; readonly version: string }): AsyncIterable<IndexLine> {
    const verified = parseVerifiedKey(object.key);
    if (verified !== undefined) return readVerifiedObject(this.#bucket, object, verified.run);
    return readIndexObject(this.#bucket, object);
  }

  #exists({ key, version }: Pick<Stored, "key" | "version">): boolean {
    return this.#find.get(key, version) !== null;
  }

  [Symbol.dispose](): void {
    this.#remaining.close();
  }
}
