/** Finds paths by a pattern in many backups. */
import type { Database } from "bun:sqlite";
import type { Entry } from "../../core/format/entries/entry.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { type PartList, readableListsOf } from "../../core/manifest/part-lists.ts";
import type { PathStretch } from "../../core/manifest/read.ts";
import { type GatheredPart, readStretch, stretchesOf } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { openScratchDatabase } from "../../core/system/scratch-database.ts";
import { Garbage } from "../../core/system/threads/garbage.ts";
import { versionOf } from "./differences.ts";
import type { Gaps } from "./gaps.ts";
import { garbageLimit } from "./garbage.ts";
import { identityOf, lostIdentityOf } from "./identity.ts";
import type { PathPattern } from "./pattern.ts";
import { mayHold } from "./reach.ts";

export type SearchOptions = {
  readonly bucket: ObjectSource;
  readonly pattern: PathPattern;
  /** `versions`: each version of a path once, in the first of the backups that has it; `paths`: each path once. */
  readonly each: "versions" | "paths";
  readonly gaps: Gaps;
  readonly signal: AbortSignal;
};

const schema = "CREATE TEMP TABLE seen (identity TEXT PRIMARY KEY, last TEXT) WITHOUT ROWID";

/**
 * Searches backups one after another, and remembers on disk what it has seen: a part that an earlier one had is not read again, since all
 * that is in it was found.
 */
export class Search implements Disposable {
  readonly #options: SearchOptions;
  readonly #garbage = new Garbage(garbageLimit);
  readonly #seen: Database = openScratchDatabase(schema);
  readonly #insert = this.#seen.query("INSERT OR IGNORE INTO seen VALUES (?, ?)");
  readonly #lastOf = this.#seen.query<{ last: string | null }, [string]>("SELECT last FROM seen WHERE identity = ?");

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  /** Yields the entries that match and were not yielded before: those of files, and then of each bundle, in byte order of path. */
  async *in(manifest: Manifest): AsyncGenerator<Entry> {
    const { pattern, gaps, signal } = this.#options;
    const concerns = ({ part, next }: PathStretch) => mayHold(pattern.below, part.first, next);
    const onSealed = (list: PartList) => {
      if (stretchesOf(list).some(concerns)) gaps.sealedBundle();
    };
    for (const list of readableListsOf(manifest, onSealed)) {
      for (const stretch of stretchesOf(list)) {
        if (!concerns(stretch) || this.#isSeen(stretch)) continue;
        signal.throwIfAborted();
        yield* this.#newAmong((await this.#read(stretch))?.entries ?? []);
      }
    }
  }

  [Symbol.dispose](): void {
    this.#seen.close();
  }

  async #read(stretch: PathStretch): Promise<GatheredPart | undefined> {
    const { bucket, pattern, gaps } = this.#options;
    const opened = await readStretch(bucket, stretch, {
      sieve: (path) => pattern.matches(path),
      wanted: () => true,
      onLost: gaps.lostPart,
    });
    if (opened === undefined) {
      this.#insert.run(lostIdentityOf(stretch), null);
      return undefined;
    }
    this.#garbage.left(opened.bytes);
    opened.bad.forEach(gaps.badEntry);
    this.#insert.run(identityOf(stretch.part), opened.last ?? "");
    return opened;
  }

  /** Returns whether the same part was read, and fits into this manifest; or was lost. */
  #isSeen(stretch: PathStretch): boolean {
    const { part, next } = stretch;
    const seen = this.#lastOf.get(identityOf(part));
    if (seen !== null) return next === undefined || (seen.last ?? "") < next;
    return this.#lastOf.get(lostIdentityOf(stretch)) !== null;
  }

  /** In one transaction: otherwise each entry would be written to the disk by itself. */
  #newAmong(entries: readonly Entry[]): Entry[] {
    return this.#seen.transaction(() => entries.filter((entry) => this.#isNew(entry)))();
  }

  #isNew(entry: Entry): boolean {
    const version = this.#options.each === "paths" ? "" : versionOf(entry);
    return this.#insert.run(JSON.stringify([entry.path, version]), null).changes > 0;
  }
}
