/**
 * Which index objects were dealt with: read, refused, or put by this state. Each is asked for once.
 *
 * Of each source (a backup name, or the verified objects) all with a stamp before some time are; later ones are noted one by
 * one. That time is at least a day ago: so a key that somebody makes up, or that a wrong clock made, hides no later one.
 */
import type { Database } from "bun:sqlite";
import type { Listed } from "../../../bucket/contract.ts";
import { lastTimely, settledBefore } from "../../../format/keys/index-id.ts";

/** Nobody puts more of a source in two days. Beyond that, none of these days are asked for. */
const mostNoted = 10_000;

/** Keys of a source that are not settled yet, from the first to behind the last. */
type RecentKeys = { readonly first: string; readonly end: string };

export class IndexMarks {
  readonly #database: Database;
  readonly #source: string;
  readonly #prefix: string;
  #noted: number;
  #recent: (RecentKeys & { count: number }) | undefined;

  /** `source`: the backup name, or empty for verified objects. `prefix`: of its keys, up to the stamp. */
  constructor(database: Database, source: string, prefix: string) {
    this.#database = database;
    this.#source = source;
    this.#prefix = prefix;
    this.#noted =
      database.query<{ noted: number }, [string]>("SELECT count(*) noted FROM index_seen WHERE source = ?").get(source)
        ?.noted ?? 0;
  }

  /** Whether so many are noted that others are only counted, which are never read. */
  get isCrowded(): boolean {
    return this.#noted >= mostNoted;
  }

  /** Returns whether more came in the last days than anybody puts. Others that are noted, such as those of times to come, do not count. */
  isFull(now: Date): boolean {
    this.#recent ??= this.#countRecent(now);
    return this.#recent.count >= mostNoted;
  }

  #countRecent(now: Date) {
    const first = this.#prefix + settledBefore(now);
    // `~` sorts behind all that follows a stamp.
    const end = `${this.#prefix}${lastTimely(now)}~`;
    const { count } = this.#database
      .query<{ count: number }, [string, string, string]>(
        "SELECT count(*) count FROM index_seen WHERE source = ? AND key BETWEEN ? AND ?",
      )
      .get(this.#source, first, end) ?? { count: 0 };
    return { first, end, count };
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
    const { changes } = this.#database
      .query("INSERT INTO index_seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET size = excluded.size")
      .run(this.#source, key, size);
    this.#noted += changes;
    if (this.#recent !== undefined && key >= this.#recent.first && key <= this.#recent.end)
      this.#recent.count += changes;
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
