/** Lists a folder of a backup. Of folders in it, the parts that hold nothing else are not read: the root says how much they hold. */
import type { Entry } from "../../core/format/entry.ts";
import type { Manifest, PartRef } from "../../core/format/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { walkParts, withoutSegments } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { Garbage } from "../../core/system/garbage.ts";
import { FolderTree, type ListedRow } from "./folder-tree.ts";
import type { Gaps } from "./gaps.ts";
import { garbageLimit } from "./garbage.ts";
import { isWithin, longestPath, mayHold, stepBelow } from "./reach.ts";

export type ListFolderOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  /** A folder, of which the content is listed, or anything else, which is listed itself. */
  readonly path: ByteString;
  /** Lists all that lies below, not only what lies in it. */
  readonly recursive: boolean;
  readonly gaps: Gaps;
  readonly signal: AbortSignal;
};

/** Bytes of the text of an entry, about. */
const bytesOfEntry = 512;

/** Yields rows in byte order, each folder after what is in it. Returns whether the backup has anything of the path. */
export async function* listFolder(options: ListFolderOptions): AsyncGenerator<ListedRow, boolean> {
  const { bucket, manifest, path, recursive, gaps, signal } = options;
  const tree = new FolderTree(path, recursive);
  let found = false;
  const walk = walkParts({
    bucket,
    manifest,
    concerns: (first, next, part) => mayHold(path, first, next) && !(!recursive && skip(tree, path, part, next)),
    sieve: (one) => isWithin(path, one),
    wanted: () => true,
    onLost: gaps.lostPart,
    onBadEntry: gaps.badEntry,
  });
  const garbage = new Garbage(garbageLimit);
  for await (const part of walk) {
    garbage.left(part.entries.length * bytesOfEntry);
    for (const entry of withoutSegments(part)) {
      found = true;
      if (!isListable(entry, gaps)) continue;
      if (entry.path !== path) yield* tree.take(entry);
      else if (entry.type !== "folder") yield { path, entry, below: undefined };
    }
    signal.throwIfAborted();
  }
  yield* tree.end();
  return found;
}

/** Returns whether all of a part lies below one folder in `path`, and adds it to that. */
function skip(tree: FolderTree, path: ByteString, { first, entries, bytes }: PartRef, next: ByteString | undefined) {
  if (next === undefined || first === path || !isWithin(path, first) || !isWithin(path, next)) return false;
  const step = stepBelow(path, first);
  // All paths between two that lie below a folder lie there, too.
  if (step === first || step === next || !isWithin(step, next)) return false;
  tree.add(step, { entries, bytes });
  return true;
}

function isListable({ path }: Entry, gaps: Gaps): boolean {
  if (path.length <= longestPath) return true;
  gaps.badEntry({ path: undefined, why: `its path has ${path.length} bytes` });
  return false;
}
