/**
 * Walks several lists of parts as if they were one, in byte order of path: the files of a backup and what lies in its bundles. A list
 * is read only when its first path is reached. What several of them have comes once: the last counts, as in a restore.
 */
import type { Entry } from "../../core/format/entries/entry.ts";
import type { PartRef } from "../../core/format/manifest/manifest.ts";
import type { ByteString } from "../../core/format/path.ts";
import type { PartList } from "../../core/manifest/part-lists.ts";
import type { LoadedPart } from "../../core/manifest/read.ts";
import { stretchesOf, type WalkOptions, walkParts, withoutSegments } from "../../core/manifest/walk.ts";
import { type AtPath, Lowest } from "./lowest.ts";

export type MergeOptions = Omit<WalkOptions, "manifest" | "concerns"> & {
  readonly lists: readonly PartList[];
  /** Whether a part of a list is to be read. Called for all parts before anything is read. */
  readonly keeps: (part: PartRef, next: ByteString | undefined, list: PartList) => boolean;
  /** Called after each part that was read. */
  readonly onPart: (part: LoadedPart) => void;
};

/** `entry`: at the path; undefined before the list is read. */
type ListCursor = AtPath & { readonly rest: AsyncGenerator<Entry>; readonly entry: Entry | undefined };

export async function* mergedEntries({ lists, keeps, onPart, ...walk }: MergeOptions): AsyncGenerator<Entry> {
  const cursors = new Lowest<ListCursor>();
  for (const [number, list] of lists.entries()) {
    const kept = stretchesOf(list).filter(({ part, next }) => keeps(part, next, list));
    const [first] = kept;
    if (first === undefined) continue;
    const parts = new Set(kept.map(({ part }) => part));
    const options = {
      ...walk,
      manifest: list,
      concerns: (_: ByteString, __: unknown, part: PartRef) => parts.has(part),
    };
    cursors.add({ path: first.part.first, list: number, rest: entriesOf(options, onPart), entry: undefined });
  }
  let held: Entry | undefined;
  for (let cursor = cursors.take(); cursor !== undefined; cursor = cursors.take()) {
    const { list, rest, entry } = cursor;
    if (held !== undefined && held.path !== entry?.path && (entry !== undefined || cursor.path > held.path)) {
      yield held;
      held = undefined;
    }
    if (entry !== undefined) held = entry;
    const next = await rest.next();
    if (!next.done) cursors.add({ path: next.value.path, list, rest, entry: next.value });
  }
  if (held !== undefined) yield held;
}

async function* entriesOf(options: WalkOptions, onPart: (part: LoadedPart) => void): AsyncGenerator<Entry> {
  for await (const part of walkParts(options)) {
    yield* withoutSegments(part);
    onPart(part);
  }
}
