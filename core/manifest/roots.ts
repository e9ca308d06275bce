/**
 * The backups that a bucket holds: the roots of their manifests, found by version.
 *
 * Whoever can put objects can lay others, or delete markers, over every key; locked versions stay where they are. So
 * nothing here trusts what is current: a marker hides no root, and a newer version does not stand for an older one.
 */
import type { BucketReader, ListedVersion, Stored } from "../bucket/contract.ts";
import { type ManifestKey, parseManifestKey, prefixes } from "../format/keys.ts";

export type RootKey = ManifestKey & {
  readonly key: string;
  /** Stored bytes of the oldest version. */
  readonly size: number;
  /** Oldest first, without delete markers, and of very many only the oldest; at least one. */
  readonly versions: readonly Stored[];
  /** Of all its versions. */
  readonly count: number;
  /** A delete marker is the newest of all: plain reads do not find the key. */
  readonly hidden: boolean;
};

export type Lister = Pick<BucketReader, "listVersions">;

/** An attacker may put as many as he likes; the oldest are the ones that matter. */
const mostVersions = 100;

/** What a name and a folder of its parts start with; `0` is the character after `/`, so it skips all that lies within. */
const parts = /^manifests\/[^/]+\/parts\//;
const after = (folder: string) => `${folder.slice(0, -1)}0`;

/**
 * Roots in byte order of key, so oldest first within a name; of one backup name or of all.
 *
 * Parts lie among them and may be thousands of times as many. Time stamps sort before `parts/`, so the listing is
 * left at the first part and taken up again behind the last: about two requests a name, however large the backups.
 */
export async function* listRoots(bucket: Lister, name?: string): AsyncGenerator<RootKey> {
  const prefix = name === undefined ? prefixes.manifests : prefixes.manifestsOf(name);
  for (let start: string | undefined; ; ) {
    const folder = yield* rootsUpToParts(bucket, prefix, start);
    if (folder === undefined || name !== undefined) return;
    start = after(folder);
  }
}

/** The root with this key, if the bucket has any version of it. */
export async function findRoot(bucket: Lister, key: string): Promise<RootKey | undefined> {
  for await (const root of rootsUpToParts(bucket, key, undefined)) if (root.key === key) return root;
  return undefined;
}

/** Returns the folder of parts that it stopped at, undefined at the end of the listing. */
async function* rootsUpToParts(
  bucket: Lister,
  prefix: string,
  start: string | undefined,
): AsyncGenerator<RootKey, string | undefined> {
  let open: RootKey | undefined;
  for await (const page of bucket.listVersions(prefix, start)) {
    for (const listed of page) {
      if (open !== undefined && open.key !== listed.key) {
        if (open.count > 0) yield open;
        open = undefined;
      }
      const folder = parts.exec(listed.key)?.[0];
      if (folder !== undefined) return folder;
      const parsed = parseManifestKey(listed.key);
      if (parsed !== undefined) open = withVersion(open ?? newRoot(parsed, listed.key), listed);
    }
  }
  if (open !== undefined && open.count > 0) yield open;
  return undefined;
}

function newRoot(parsed: ManifestKey, key: string): RootKey {
  return { ...parsed, key, size: 0, versions: [], count: 0, hidden: false };
}

/** Listings have the newest first. */
function withVersion(root: RootKey, { key, version, size, latest, deleteMarker }: ListedVersion): RootKey {
  if (deleteMarker) return { ...root, hidden: root.hidden || latest };
  const versions = [{ key, version, size }, ...root.versions].slice(0, mostVersions);
  return { ...root, size, versions, count: root.count + 1 };
}
