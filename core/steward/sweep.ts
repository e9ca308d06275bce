/** Steps 4 and 5 of a prune: removes what no backup needs, version by version. */
import type { BucketReader, DatedVersion, Stored } from "../bucket/contract.ts";
import { isTimely } from "../format/keys/index-id.ts";
import { parseIndexKey } from "../format/keys/keys.ts";
import type { References } from "../manifest/references/references.ts";
import { eachOf } from "../side-by-side.ts";
import type { Growth } from "./growth.ts";
import type { Holds } from "./holds.ts";
import { IndexObjects } from "./index-objects.ts";
import type { Remover } from "./remover.ts";
import type { Fate, Tally } from "./tally.ts";
import { type Classified, classify, type KeyVersions, listKeys } from "./versions.ts";

export type SweepDeps = {
  readonly bucket: Pick<BucketReader, "get" | "listVersions">;
  readonly references: References;
  readonly remover: Remover;
  readonly tally: Tally;
  readonly holds: Holds;
  readonly growth: Growth;
  /** Names that still have a backup: the newest index object of each stays. */
  readonly living: ReadonlySet<string>;
  readonly now: Date;
  /** Versions looked at so far. */
  readonly onProgress: (objects: number) => void;
  readonly signal: AbortSignal;
};

const atOnce = 8;
/** Roots lie among the parts; they were removed before, as far as they go. */
const folders = ["manifests/", "packs/", "content/", "snapshots/", "bundles/"] as const;

export async function sweep(deps: SweepDeps): Promise<void> {
  const { bucket, tally, onProgress, signal } = deps;
  using index = new IndexObjects(bucket, deps.now);
  let seen = 0;
  const each = async (folder: string, work: (found: ClassifiedKey) => Promise<void>) => {
    for await (const keys of listKeys(bucket, folder)) {
      await eachOf(keys, atOnce, async (found) => {
        signal.throwIfAborted();
        const classified = classify(found.key);
        if (classified !== undefined) await work({ ...found, ...classified });
      });
      seen += keys.reduce((sum, { versions }) => sum + versions.length, 0);
      onProgress(seen);
    }
  };
  for (const folder of folders) {
    await each(folder, async (found) => {
      if (found.kind !== "root") index.addRemaining(await removeUnneeded(found, deps));
    });
  }
  const newest = await newestOfEach(deps);
  await each("index/", async (found) => {
    if (newest.has(found.key)) for (const version of found.versions) tally.add(found, version, "kept");
    else await removeIndex(found, index, deps);
  });
  await each("verified/", (found) => removeIndex(found, index, deps));
}

type ClassifiedKey = KeyVersions & Classified;

/** Returns the versions that remain. */
async function removeUnneeded(found: ClassifiedKey, deps: SweepDeps): Promise<Stored[]> {
  const left: Stored[] = [];
  for (const version of found.versions) if ((await settle(found, version, deps)) !== "removed") left.push(version);
  const { remover } = deps;
  if (left.length === 0) await remover.removeMarkers(found.markers);
  return left;
}

async function settle(
  found: ClassifiedKey,
  version: DatedVersion,
  { references, remover, tally, holds, growth }: SweepDeps,
): Promise<Fate> {
  const owner = references.ownerOf(version.key, version.version);
  if (owner === undefined && !holds.holds(found, version)) return remover.remove(found, version);
  const fate = owner === undefined ? "held" : "kept";
  tally.add(found, version, fate);
  if (owner !== undefined) growth.addObject(owner, version);
  return fate;
}

/**
 * Finds the newest index object of each name that has a backup. It stays: a host that misses it takes the bucket for another
 * one, and rebuilds its state. A key with a time that is not yet is of no host: it keeps none in its place.
 */
async function newestOfEach({ bucket, living, now }: SweepDeps): Promise<ReadonlySet<string>> {
  const newest = new Map<string, string>();
  for await (const keys of listKeys(bucket, "index/")) {
    for (const { key, versions } of keys) {
      const name = classify(key)?.name;
      const isTimelyKey = isTimely(parseIndexKey(key)?.stamp ?? "", now);
      if (name !== undefined && versions.length > 0 && living.has(name) && isTimelyKey) newest.set(name, key);
    }
  }
  return new Set(newest.values());
}

/** Removes an index object or verified object if its lock has expired and nothing that it speaks of is of use to anyone. */
async function removeIndex(found: ClassifiedKey, index: IndexObjects, { remover }: SweepDeps): Promise<void> {
  let left = 0;
  for (const version of found.versions) {
    if ((await remover.remove(found, version, () => index.isUseful(version))) !== "removed") left += 1;
  }
  if (left === 0) await remover.removeMarkers(found.markers);
}
