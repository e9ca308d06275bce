/**
 * Which index objects were dealt with: read, refused, or put by this state. Each is asked for once.
 *
 * Of each source (a backup name, or the verified objects) all with a stamp before some time are; later ones are noted one by
 * one. That time is at least a day ago: so a key that somebody makes up, or that a wrong clock made, hides no later one.
 */
import type { Database } from "bun:sqlite";
import type { Listed } from "../../bucket/contract.ts";

/** Nobody puts more of a source in two days. Beyond that, none are asked for. */
const mostNoted = 10_000;

export class IndexMarks {
  readonly #database: Database;
  readonly #source: string;
  readonly #prefix: string;
  #noted: number;

  /** `source`: the backup name, or empty for verified objects. `prefix`: of its keys, up to the stamp. */
  constructor(database: Database, source: string, prefix: string) {
    this.#database = database;
    this.#source = source;
    this.#prefix = prefix;
    this.#noted =
      database.query<{ noted: number }, [string]>("SELECT count(*) noted FROM index_seen WHERE source = ?").get(source)
        ?.noted ?? 0;
  }

  get isFull(): boolean {
    return this.#noted >= mostNoted;
  }

  /** Returns a key after which all of the source lie that are not dealt with. */
  start(): string {
    return this.#prefix + this.#settled();
  }

  #settled(): string {
    return (
      this.#database
        .query<{ stamp: string }, [string]>("SELECT stamp FROM index_settled WHERE source = ?")
        .get(this.#source)?.stamp ?? ""
    );
  }

  has({ key, size }: Listed): boolean {
    if (key < this.start()) return true;
    const row = this.#database
      .query<{ size: number | null }, [string, string]>("SELECT size FROM index_seen WHERE source = ? AND key = ?")
      .get(this.#source, key);
    // Listings have no versions: a newer one is noticed by its size.
    return row !== null && (row.size === null || row.size === size);
  }

  /** `size`: null for one that this state puts itself, whatever lies over it later. */
  note(key: string, size: number | null): void {
    this.#noted += this.#database
      .query("INSERT INTO index_seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size")
      .run(this.#source, key, size).changes;
  }

  /** Notes that all before a stamp are dealt with. */
  settle(stamp: string): void {
    this.#database
      .query("INSERT INTO index_settled VALUES (?, ?) ON CONFLICT DO UPDATE SET stamp = max(stamp, excluded.stamp)")
      .run(this.#source, stamp);
    this.#noted -= this.#database
      .query("DELETE FROM index_seen WHERE source = ? AND key < ?")
      .run(this.#source, this.start()).changes;
  }
}
