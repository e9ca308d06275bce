/** Finds out which objects a restore reads, and which of them are frozen. */
import type { BucketReader, ObjectInfo, Stored } from "../../core/bucket/contract.ts";
import { throwIfFatal } from "../../core/bucket/fatal.ts";
import type { PartEntry } from "../../core/format/entries/entry.ts";
import { isWhole, type Manifest } from "../../core/format/manifest/manifest.ts";
import { type PartList, readableListsOf } from "../../core/manifest/part-lists.ts";
import { stretchesOf, type WalkOptions, walkParts } from "../../core/manifest/walk.ts";
import { eachOf } from "../../core/side-by-side.ts";
import { type Patterns, Selection } from "../choosing/select.ts";
import type { NeededObjects } from "./needed.ts";

export type ToRestore = {
  readonly manifest: Pick<Manifest, "parts" | "bundles" | "snapshots" | "dumps">;
  /** As for `restore`. */
  readonly paths: readonly string[];
  readonly patterns?: Patterns | undefined;
  /** Whether dumps are restored, too. */
  readonly dumps: boolean;
};

export type CollectNeededDeps = {
  readonly bucket: Pick<BucketReader, "get" | "head">;
  readonly signal: AbortSignal;
};

/** Looks up side by side. */
const atOnce = 16;

/**
 * Adds all objects that the restore of `wanted` reads behind the root. What parts name that are frozen themselves is not known before
 * these can be read. What is wrong with a part is not said: the restore does.
 */
export async function collectNeeded(
  { manifest, paths, patterns, dumps }: ToRestore,
  needed: NeededObjects,
  deps: CollectNeededDeps,
): Promise<void> {
  const selection = new Selection(paths, () => true, patterns);
  const wish: Wish = {
    concerns: selection.concerns.bind(selection),
    wanted: (entry) =>
      hasContent(entry) && selection.role(entry.type === "segment" ? entry.file : entry.path) === "selected",
  };
  for (const list of readableListsOf(manifest)) await collectList(list, wish, needed, deps);
  if (!dumps) return;
  for (const dump of manifest.snapshots.filter(isWhole)) needed.add(dump);
  await collectList({ parts: manifest.dumps ?? [] }, { concerns: () => true, wanted: hasContent }, needed, deps);
}

type Wish = Pick<WalkOptions, "concerns" | "wanted">;

/** Adds the parts that concern a wish, and the objects of the entries that are wanted. */
async function collectList(
  list: PartList,
  wish: Wish,
  needed: NeededObjects,
  { bucket, signal }: CollectNeededDeps,
): Promise<void> {
  for (const { part, next } of stretchesOf(list)) if (wish.concerns(part.first, next, part)) needed.add(part);
  const walk = walkParts({ bucket, manifest: list, ...wish, onLost: () => {}, onBadEntry: () => {} });
  for await (const { objects, entries } of walk) {
    signal.throwIfAborted();
    const used = new Set(
      entries.flatMap((entry) => (hasContent(entry) ? entry.extents.map(({ object }) => object) : [])),
    );
    for (const number of used) {
      const object = objects[number];
      if (object !== undefined) needed.add(object);
    }
  }
}

type WithContent = Extract<PartEntry, { readonly type: "file" | "segment" }>;

function hasContent(entry: PartEntry): entry is WithContent {
  return (entry.type === "file" || entry.type === "segment") && entry.extents.length > 0;
}

/**
 * Looks each object up, and marks those that are frozen. What cannot be looked up is left to the restore, which says so. Returns whether
 * some of them were thawed, or are being.
 */
export async function markFrozen(
  objects: Iterable<Stored>,
  needed: NeededObjects,
  { bucket, signal }: CollectNeededDeps,
): Promise<boolean> {
  let isBegun = false;
  await eachOf(objects, atOnce, async (object) => {
    signal.throwIfAborted();
    const found = await lookUp(bucket, object);
    // What the manifest says of the size may be untrue, and the price depends on it.
    if (found?.archived !== undefined) needed.frozen(object, found.archived, found.size);
    if (found?.isThawed === true || found?.archived?.thawing === true) isBegun = true;
  });
  return isBegun;
}

/** Returns undefined for what is gone, or cannot be looked up. */
export async function lookUp(
  bucket: Pick<BucketReader, "head">,
  { key, version }: Pick<Stored, "key" | "version">,
): Promise<ObjectInfo | undefined> {
  try {
    return await bucket.head(key, version);
  } catch (error) {
    throwIfFatal(error);
    return undefined;
  }
}
