/**
 * Writes the first parts of a manifest while files are still read: those of rows that are there already. A backup that has no parts yet would
 * else make all of them at its end, when one core has nothing to do.
 *
 * What this writes is the beginning of what `part-writer.ts` would write, and that goes on from there. A row that changes after all makes
 * its part stale, as in any run. What is rare (segments, rows that readers would refuse, very long lines) ends it: then the rest is written
 * at the end.
 */
import { continuedIn } from "../../format/entries/entry-row.ts";
import { isSegmentHead } from "../../format/entries/segment.ts";
import { FormatError } from "../../format/error.ts";
import { endsPart } from "../../format/manifest/part.ts";
import { hurryCollector } from "../../system/threads/garbage.ts";
import { type FileRow, type FileTable, justAfter } from "../state/tables/files.ts";
import { Draft, mostBeside, type PartWriterDeps } from "./draft.ts";

/** Rows that are taken at once: a millisecond or two. */
const rowsAtOnce = 256;
/** What is counted as garbage of these: buffers of packs are still in use, and little room is left. */
const mebibytesOfHurry = 10;

export class EarlyParts {
  readonly #deps: PartWriterDeps;
  readonly #files: FileTable;
  #draft: Draft | undefined;
  /** Rows before this are in parts, or in the draft. */
  #from = "";
  #isStoring = false;
  #stored: Promise<void> = Promise.resolve();
  #hasEnded = false;

  /** `files`: the table through which rows change meanwhile, in a transaction of the caller. It has no parts yet. */
  constructor(deps: PartWriterDeps, files: FileTable) {
    this.#deps = deps;
    this.#files = files;
    files.watch((path) => {
      if (path < this.#from) this.#end();
    });
  }

  /** Takes some of the rows before `until`, none of which is expected to change. Returns false if there were none. */
  advance(until: string): boolean {
    if (this.#hasEnded || this.#isStoring || until <= this.#from) return false;
    const rows = this.#files.rowsBetween(this.#from, until, rowsAtOnce);
    hurryCollector(mebibytesOfHurry);
    for (const row of rows) {
      this.#draft ??= new Draft(this.#deps, [], row.path);
      if (!isTaken(this.#draft, row)) {
        this.#end();
        return true;
      }
      this.#from = justAfter(row.path);
      if (endsPart(row.path, this.#draft)) {
        this.#store(this.#draft);
        return true;
      }
    }
    // Else the same question would be asked again.
    if (rows.length < rowsAtOnce) this.#from = until;
    return rows.length > 0;
  }

  /** Waits until nothing is being stored. Throws if a part could not be. */
  async end(): Promise<void> {
    await this.#stored.finally(() => this.#end());
  }

  #end(): void {
    this.#hasEnded = true;
    this.#draft = undefined;
  }

  #store(draft: Draft): void {
    this.#draft = undefined;
    this.#isStoring = true;
    this.#stored = draft.write().then((part) => {
      this.#isStoring = false;
      // Else one of its rows has changed meanwhile; or a full disk, say, has ended the transaction, and its latest rows are gone with it.
      if (!this.#hasEnded && this.#deps.database.inTransaction) this.#files.addPart(part, this.#from);
    });
    // Is thrown at the end.
    this.#stored.catch(() => this.#end());
  }
}

/** Returns whether a row was taken that may as well be taken now as at the end. */
function isTaken(draft: Draft, row: FileRow): boolean {
  if (isSegmentHead(row.head) || continuedIn(row.head) !== undefined) return false;
  try {
    draft.add(row);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
  return draft.bytes + draft.objectBytes <= mostBeside;
}
