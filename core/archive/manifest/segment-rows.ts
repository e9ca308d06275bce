/** Checks the rows of segments before they become lines: the state database is a cache, and a reader takes a file whole or not at all. */
import { continuedIn } from "../../format/entries/entry-row.ts";
import { Continuation, digestOfSegment, stretchInSegmentHead } from "../../format/entries/segment.ts";
import { altered } from "../../format/error.ts";
import { type ByteString, baseName, parentOf } from "../../format/path.ts";
import type { FileRow, FileTable } from "../state/tables/files.ts";
import { unpackExtents } from "../state/tables/packed-extents.ts";

export class SegmentRows {
  readonly #files: FileTable;
  /** The file of the last segment. */
  #file: ByteString | undefined;

  constructor(files: FileTable) {
    this.#files = files;
  }

  /** Returns whether a segment belongs to a file: one that was left out has none. */
  belongs({ path }: FileRow): boolean {
    const file = parentOf(path);
    if (file === this.#file) return true;
    if (continuedIn(this.#files.get(file)?.head ?? "") === undefined) return false;
    this.#file = file;
    return true;
  }

  /** Checks that the segments of a file are those that its row says, if it says so of any. Throws a FormatError. */
  check({ path, head }: FileRow): void {
    const continued = continuedIn(head);
    if (continued === undefined) return;
    const continuation = new Continuation(continued);
    for (const row of this.#files.segmentsOf(path)) continuation.take(segmentOf(row));
    continuation.end();
  }
}

function segmentOf({ path, head, extents }: FileRow) {
  const stretch = stretchInSegmentHead(head);
  if (stretch === undefined || extents === null) throw altered("it has an entry among its segments");
  const digest = digestOfSegment({ ...stretch, extents: unpackExtents(extents) });
  return { from: Number(baseName(path)), size: stretch.size, digest };
}
