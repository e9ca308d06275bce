/** Finds what is to be read again, when some of what the rows refer to turns out not to be usable. */

import { isSegmentHead } from "../../format/entries/segment.ts";
import { type ByteString, parentOf } from "../../format/path.ts";
import type { BitSet } from "../state/tables/bit-set.ts";
import type { FileTable } from "../state/tables/files.ts";
import { restsOn } from "../state/tables/packed-extents.ts";
import { PathSet } from "./paths/path-set.ts";

/**
 * Adds the paths of files with content in `unusable` objects, and of the folders above them. Files with several names come together, as
 * the first of them stands for the others.
 */
export function addUsersOf(unusable: BitSet, files: FileTable, paths: PathSet): void {
  using linked = new PathSet();
  let isLinkedAmong = false;
  for (const row of files.inOrder()) {
    const isLinked = row.fingerprint?.first != null || row.head.includes('"id":');
    if (isLinked) linked.add(row.path);
    if (row.extents === null || !restsOn(row.extents, unusable)) continue;
    isLinkedAmong ||= isLinked;
    addWithFolders(isSegmentHead(row.head) ? parentOf(row.path) : row.path, paths);
  }
  if (isLinkedAmong) for (const path of linked.inOrder()) addWithFolders(path, paths);
}

function addWithFolders(path: ByteString, paths: PathSet): void {
  paths.add(path);
  for (let folder = parentOf(path); ; folder = parentOf(folder)) {
    paths.add(folder);
    if (folder === "/") return;
  }
}
