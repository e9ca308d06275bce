/** Steps 4 and 5 of a prune: what no backup needs goes, version by version. */
import type { BucketReader, Stored } from "../bucket/contract.ts";
import type { References } from "../manifest/references/references.ts";
import { eachOf } from "../side-by-side.ts";
import { IndexObjects } from "./index-objects.ts";
import type { Remover } from "./remover.ts";
import type { Tally } from "./tally.ts";
import { type Classified, classify, type KeyVersions, listKeys } from "./versions.ts";

export type Sweep = {
  readonly bucket: Pick<BucketReader, "get" | "listVersions">;
  readonly references: References;
  readonly remover: Remover;
  readonly tally: Tally;
  /** Names that have a backup: the newest index object of each stays. */
  readonly living: ReadonlySet<string>;
  readonly now: Date;
  /** Versions looked at so far. */
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
};

const atOnce = 8;
/** Roots lie among the parts; they have had their turn. */
const folders = ["manifests/", "packs/", "content/", "snapshots/"] as const;

export async function sweep(parts: Sweep): Promise<void> {
  using index = new IndexObjects(parts.bucket, parts.now);
  let seen = 0;
  const each = async (folder: string, work: (found: KeyVersions, of: Classified) => Promise<void>) => {
    for await (const keys of listKeys(parts.bucket, folder)) {
      await eachOf(keys, atOnce, async (found) => {
        parts.signal.throwIfAborted();
        const of = classify(found.key);
        if (of !== undefined) await work(found, of);
      });
      seen += keys.reduce((sum, { versions }) => sum + versions.length, 0);
      parts.onProgress(seen);
    }
  };
  for (const folder of folders) {
    await each(folder, async (found, of) => {
      if (of.kind !== "root") index.remains(await removeUnneeded(found, of, parts));
    });
  }
  const newest = await newestOfEach(parts);
  await each("index/", async (found, of) => {
    if (newest.has(found.key)) for (const version of found.versions) parts.tally.add(of, version, "kept");
    else await removeIndex(found, of, index, parts);
  });
}

/** Returns the versions that remain. */
async function removeUnneeded(
  found: KeyVersions,
  of: Classified,
  { references, remover, tally }: Sweep,
): Promise<Stored[]> {
  const left: Stored[] = [];
  for (const version of found.versions) {
    const isNeeded = references.has(version.key, version.version);
    if (isNeeded) tally.add(of, version, "kept");
    if (isNeeded || (await remover.remove(of, version)) !== "removed") left.push(version);
  }
  if (left.length === 0) await remover.removeMarkers(found.markers);
  return left;
}

/**
 * A host whose newest index object is gone takes the bucket for another one and makes its state anew. So that one
 * stays, for as long as the name has any backup.
 */
async function newestOfEach({ bucket, living }: Sweep): Promise<ReadonlySet<string>> {
  const newest = new Map<string, string>();
  for await (const keys of listKeys(bucket, "index/")) {
    for (const { key, versions } of keys) {
      const name = classify(key)?.name;
      if (name !== undefined && versions.length > 0 && living.has(name)) newest.set(name, key);
    }
  }
  return new Set(newest.values());
}

/** Goes when its lock has lapsed and nothing that it tells of is of use to anybody. */
async function removeIndex(found: KeyVersions, of: Classified, index: IndexObjects, { remover }: Sweep): Promise<void> {
  let left = 0;
  for (const version of found.versions) {
    if ((await remover.remove(of, version, () => index.isUseful(version))) !== "removed") left += 1;
  }
  if (left === 0) await remover.removeMarkers(found.markers);
}
