/**
 * Lists a folder of a backup, whether files or bundles have what lies in it. Of folders in it, the parts that hold nothing else are not
 * read: the root says how much they hold.
 */
import type { Manifest, PartRef } from "../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import { type PartList, readableListsOf } from "../../core/manifest/part-lists.ts";
import { stretchesOf } from "../../core/manifest/walk.ts";
import type { ObjectSource } from "../../core/stored/read.ts";
import { Garbage } from "../../core/system/threads/garbage.ts";
import { FolderTree, type ListedRow } from "./folder-tree.ts";
import type { Gaps } from "./gaps.ts";
import { garbageLimit } from "./garbage.ts";
import { mergedEntries } from "./merged.ts";
import { isWithin, mayHold, stepBelow } from "./reach.ts";

export type ListFolderOptions = {
  readonly bucket: ObjectSource;
  readonly manifest: Manifest;
  /** A folder, of which the content is listed, or anything else, which is listed itself. */
  readonly path: ByteString;
  /** Lists all that lies below, not only what lies in it. */
  readonly recursive: boolean;
  /** Whether only paths are wanted, without what lies below folders: `below` and some entries of folders are not right then. */
  readonly namesOnly?: boolean;
  readonly gaps: Gaps;
  readonly signal: AbortSignal;
};

/** Bytes of the text of an entry, about. */
const bytesOfEntry = 512;

/** Yields rows in byte order, each folder after what is in it. Returns whether the backup has anything of the path. */
export async function* listFolder(options: ListFolderOptions): AsyncGenerator<ListedRow, boolean> {
  const { bucket, manifest, path, recursive, namesOnly = false, gaps, signal } = options;
  const steps = namesOnly && !recursive ? new StepsOfParts(path) : undefined;
  const tree = new FolderTree(path, recursive);
  let found = false;
  const garbage = new Garbage(garbageLimit);
  const walk = mergedEntries({
    bucket,
    lists: readableListsOf(manifest, (list) => {
      if (stretchesOf(list).some(({ part, next }) => mayHold(path, part.first, next))) gaps.sealedBundle();
    }),
    keeps(part, next, list) {
      const isRead = mayHold(path, part.first, next) && !(!recursive && skip(tree, path, part, { next, list }));
      if (isRead) steps?.begin(part);
      return isRead;
    },
    sieve: (one) => isWithin(path, one) && steps?.isSame(one) !== true,
    wanted: () => true,
    need: "sizes",
    onLost: gaps.lostPart,
    onBadEntry: gaps.badEntry,
    onPart({ entries }) {
      garbage.left(entries.length * bytesOfEntry);
      signal.throwIfAborted();
    },
  });
  for await (const entry of walk) {
    found = true;
    if (entry.path !== path) yield* tree.take(entry);
    else if (entry.type !== "folder") yield { path, entry, below: undefined };
  }
  yield* tree.end();
  return found;
}

/** Tells entries that lie below the same folder in `top` as the entry before them, in a part: they add no name. */
class StepsOfParts {
  readonly #top: ByteString;
  /** First paths of the parts that are read: one may be read twice, and what was before it may be lost. */
  readonly #firsts = new Set<ByteString>();
  #last: ByteString | undefined;

  constructor(top: ByteString) {
    this.#top = top;
  }

  begin({ first }: PartRef): void {
    this.#firsts.add(first);
  }

  /** Call for the entries of a part in order. */
  isSame(path: ByteString): boolean {
    if (this.#firsts.has(path)) this.#last = undefined;
    if (path === this.#top) return false;
    const step = stepBelow(this.#top, path);
    const isSame = step !== path && step === this.#last;
    this.#last = step;
    return isSame;
  }
}

/** Returns whether all of a part lies below one folder in `path`, and adds it to that. */
function skip(
  tree: FolderTree,
  path: ByteString,
  { first, entries, bytes }: PartRef,
  { next, list }: { readonly next: ByteString | undefined; readonly list: PartList },
): boolean {
  if (next === undefined || first === path || !isWithin(path, first)) return false;
  const step = stepBelow(path, first);
  if (step === first) return false;
  // All paths between two that lie below a folder lie there, too; and all of a bundle below its folder.
  const isBelow = next === list.end ? next > first && next <= `${step}0` : step !== next && isWithin(step, next);
  if (!isBelow) return false;
  tree.add(step, { entries, bytes });
  return true;
}
