/** Counts what a run did with the picked paths. */
import { continuedIn } from "../../format/entries/entry-row.ts";
import type { Stat } from "../../system/filesystem/stat.ts";
import type { FileRow } from "../state/tables/files.ts";

export type QuiltCounts = {
  files: number;
  new: number;
  changed: number;
  unchanged: number;
  others: number;
  bytes: number;
};

export function noCounts(): QuiltCounts {
  return { files: 0, new: 0, changed: 0, unchanged: 0, others: 0, bytes: 0 };
}

export function countUnchanged(counts: QuiltCounts, { type, size }: Pick<Stat, "type" | "size">): void {
  if (type !== "file") {
    counts.others += 1;
    return;
  }
  counts.files += 1;
  counts.unchanged += 1;
  counts.bytes += size;
}

/** Takes back what was counted of an entry. */
export function uncount(counts: QuiltCounts, { head, extents, bytes }: FileRow): void {
  const isFile = extents !== null || continuedIn(head) !== undefined;
  if (!isFile) {
    counts.others -= 1;
    return;
  }
  counts.files -= 1;
  counts.unchanged -= 1;
  counts.bytes -= bytes;
}
