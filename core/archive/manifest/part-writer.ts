/**
 * Writes the parts of a manifest from the state database's rows of files, or of dumps. If no row changed in the range of a part, the part is
 * referred to again without a look at its rows. So is one whose text comes out as it was.
 */

import { isSegmentHead } from "../../format/entries/segment.ts";
import { FormatError } from "../../format/error.ts";
import type { PartRef } from "../../format/manifest/manifest.ts";
import { endsPart, fewestEntries } from "../../format/manifest/part.ts";
import type { ByteString } from "../../format/path.ts";
import { quoted } from "../../format/quoted.ts";
import { Garbage } from "../../system/threads/garbage.ts";
import { type FileRow, FileTable, justAfter } from "../state/tables/files.ts";
import { ObjectTable } from "../state/tables/objects.ts";
import { type KnownPart, PartTable } from "../state/tables/parts.ts";
import { Draft, mostBeside, type PartWriterDeps } from "./draft.ts";
import { SegmentRows } from "./segment-rows.ts";

/**
 * Bytes of lines at which a part ends after a segment: a few segments fit into memory during a restore. Those of a dump are nearly all
 * segments, of which each is read and may be named again alone.
 */
const mostWithSegments = { files: 4 * 1024 * 1024, dumps: 1024 * 1024 } as const;
/** What a line leaves for each of its bytes: those of segments are taken apart and put together as a whole. */
const garbageOfLine = { files: 1, dumps: 8 } as const;
/** Returns the parts in order of path. One part is in memory at a time, or two usual ones. */
export async function writeParts(deps: PartWriterDeps): Promise<PartRef[]> {
  const table = new PartTable(deps.database, deps.tree);
  const before = table.all();
  const writer = new PartWriter(deps, before);
  const written = await writer.write().finally(() => writer.settle());
  table.replace(written);
  const objects = new ObjectTable(deps.database);
  return written.map(({ object, first, sha256, entries, bytes }) => {
    const { key, version, size } = objects.get(object);
    return { key, version, size, sha256, first, entries, bytes };
  });
}

/** Goes through the rows once, from part to part that can be kept. */
class PartWriter {
  readonly #deps: PartWriterDeps;
  readonly #known: readonly KnownPart[];
  readonly #files: FileTable;
  readonly #segments: SegmentRows;
  readonly #written: KnownPart[] = [];
  /** Lines are copied on their way to a stored part: a collection for each part or two of a usual size. */
  readonly #garbage = new Garbage(3 * 1024 * 1024);
  #draft: Draft | undefined;
  /** Resolves when the parts before the draft are stored. */
  #stored: Promise<void> = Promise.resolve();
  /** Rows from here on are not written yet; undefined when all are. */
  #from: string | undefined = "";

  constructor(deps: PartWriterDeps, known: readonly KnownPart[]) {
    this.#deps = deps;
    this.#known = known;
    this.#files = new FileTable(deps.database, deps.tree);
    this.#segments = new SegmentRows(this.#files);
  }

  async write(): Promise<readonly KnownPart[]> {
    const { expiring } = this.#deps;
    for (const [number, known] of this.#known.entries()) {
      const isSound = !known.stale && !expiring.has(known.object);
      if (isSound && (await this.#reaches(known.first))) await this.#keep(known, this.#known[number + 1]?.first);
    }
    await this.#writeUntil(undefined);
    if (this.#draft !== undefined) await this.#endDraft(this.#draft);
    await this.#stored;
    return this.#written;
  }

  /** Waits until nothing is being stored. */
  async settle(): Promise<void> {
    await this.#stored.catch(() => undefined);
  }

  /** Writes what comes before `first`. False if that ends in too little for a part, which then goes on into the next. */
  async #reaches(first: ByteString): Promise<boolean> {
    await this.#writeUntil(first);
    if (this.#draft === undefined) return true;
    if (this.#draft.entries < fewestEntries) return false;
    await this.#endDraft(this.#draft);
    return true;
  }

  /** Takes a part as it is. It ends before the path `next`, or with the last row. */
  async #keep(part: KnownPart, next: ByteString | undefined): Promise<void> {
    await this.#stored;
    this.#written.push(part);
    this.#from = next;
  }

  async #writeUntil(until: ByteString | undefined): Promise<void> {
    if (this.#from === undefined) return;
    for (const row of this.#files.inOrder(this.#from, until)) {
      this.#from = justAfter(row.path);
      this.#draft ??= new Draft(this.#deps, this.#known, row.path);
      if (!this.#take(this.#draft, row)) continue;
      const isFull = isSegmentHead(row.head) && this.#draft.bytes >= mostWithSegments[this.#deps.tree];
      if (isFull || endsPart(row.path, this.#draft)) await this.#endDraft(this.#draft);
    }
  }

  /** Adds a row. One that readers would refuse is left out, and taken again by the next run. */
  #take(draft: Draft, row: FileRow): boolean {
    try {
      const isWanted = !isSegmentHead(row.head) || this.#segments.belongs(row);
      if (!isWanted) return this.#leaveOut(draft, row);
      this.#segments.check(row);
      draft.add(row);
      return true;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const message = `${quoted(row.path)} is not in the backup: a manifest cannot describe it: ${error.message}`;
      this.#deps.notify({ level: "warning", code: "unreadable", message });
      return this.#leaveOut(draft, row);
    }
  }

  #leaveOut(draft: Draft, { path }: FileRow): false {
    this.#files.remove(path);
    if (draft.entries === 0) this.#draft = undefined;
    return false;
  }

  async #endDraft(draft: Draft): Promise<void> {
    this.#draft = undefined;
    await this.#stored;
    this.#stored = this.#store(draft);
    // Is thrown when it is waited for.
    this.#stored.catch(() => undefined);
    if (draft.bytes + draft.objectBytes > mostBeside) await this.#stored;
  }

  async #store(draft: Draft): Promise<void> {
    this.#written.push(await draft.write());
    this.#garbage.left(draft.bytes * garbageOfLine[this.#deps.tree]);
  }
}
