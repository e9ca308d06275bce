/**
 * Finds the backups that a bucket holds: the roots of their manifests, by version.
 *
 * Anyone who may put objects can lay others, or delete markers, over every key; locked versions stay as they are. So
 * nothing here trusts what is current: a marker hides no root, and a newer version does not stand for an older one.
 */
import type { BucketReader, DatedVersion, ListedVersion } from "../bucket/contract.ts";
import { type ManifestKey, parseManifestKey, prefixes } from "../format/keys/keys.ts";
import { type LegacyKind, legacyWord, parseLegacyKey } from "../format/keys/legacy-keys.ts";
import { Garbage } from "../system/threads/garbage.ts";
import { LegacyNames } from "./legacy/names.ts";
import { listLegacyRoots } from "./legacy/roots.ts";

export type ListedRoot = ManifestKey & {
  readonly key: string;
  /** Stored bytes of the oldest version. */
  readonly size: number;
  /** When the server stored the oldest version. What is laid over it later makes no backup newer. */
  readonly stored: Date;
  /** Oldest first, without delete markers; at least one. Of very many, only the oldest. */
  readonly versions: readonly DatedVersion[];
  /** Number of all its versions. */
  readonly count: number;
  /** The newest of all is a delete marker: plain reads do not find the key. */
  readonly hidden: boolean;
  /** Set for a manifest of s3-sysbackup: other backups have the same key. */
  readonly kind?: LegacyKind;
};

/** Returns what names exactly this root: its key, with the version if others have the same. */
export function wordOf({ key, kind, versions }: Pick<ListedRoot, "key" | "kind" | "versions">): string {
  return kind === undefined ? key : legacyWord(key, versions[0]?.version ?? "");
}

export type VersionLister = Pick<BucketReader, "listVersions">;

/** What adding a version to a root leaves. */
const garbageOfVersion = 2_048;
const garbage = new Garbage(16 * 1024 * 1024);

/** An attacker may put any number; the oldest are the ones that matter. */
export const mostVersions = 100;

const parts = /^manifests\/[^/]+\/parts\//;
/** Returns a key behind all that lie in the folder: `0` is the character after `/`. */
const after = (folder: string) => `${folder.slice(0, -1)}0`;

/**
 * Lists roots of one backup name, or of all, in byte order of key: by name, and by the time that their keys state. Those of
 * s3-sysbackup come first within a name.
 *
 * Parts lie among them and may be thousands of times as many. Time stamps sort before `parts/`, so the listing is
 * left at the first part and goes on behind the last: about two requests a name, however large the backups.
 */
export async function* listRoots(bucket: VersionLister, name?: string): AsyncGenerator<ListedRoot> {
  if (name !== undefined) {
    yield* listLegacyRoots(bucket, name);
    yield* listOurs(bucket, name);
    return;
  }
  const legacy = new LegacyNames();
  for await (const root of listOurs(bucket, undefined, (key) => legacy.add(key))) {
    for (const old of legacy.upTo(root.name)) yield* listLegacyRoots(bucket, old);
    yield root;
  }
  for (const old of legacy.upTo(undefined)) yield* listLegacyRoots(bucket, old);
}

type OnLegacyName = (name: string) => void;

async function* listOurs(
  bucket: VersionLister,
  name: string | undefined,
  onLegacy: OnLegacyName = () => {},
): AsyncGenerator<ListedRoot> {
  const prefix = name === undefined ? prefixes.manifests : prefixes.manifestsOf(name);
  for (let start: string | undefined; ; ) {
    const folder = yield* rootsUpToParts(bucket, prefix, start, onLegacy);
    if (folder === undefined || name !== undefined) return;
    start = after(folder);
  }
}

/** Finds the root with this key; undefined if the bucket has no version of it. */
export async function findRoot(bucket: VersionLister, key: string): Promise<ListedRoot | undefined> {
  for await (const root of rootsUpToParts(bucket, key, undefined, () => {})) if (root.key === key) return root;
  return undefined;
}

/** Returns the folder of parts that it stopped at, undefined at the end of the listing. */
async function* rootsUpToParts(
  bucket: VersionLister,
  prefix: string,
  start: string | undefined,
  onLegacy: OnLegacyName,
): AsyncGenerator<ListedRoot, string | undefined> {
  let open: ListedRoot | undefined;
  for await (const page of bucket.listVersions(prefix, start)) {
    garbage.left(page.length * garbageOfVersion);
    for (const listed of page) {
      if (open !== undefined && open.key !== listed.key) {
        if (open.count > 0) yield open;
        open = undefined;
      }
      const folder = parts.exec(listed.key)?.[0];
      if (folder !== undefined) return folder;
      const parsed = parseManifestKey(listed.key);
      if (parsed !== undefined) open = withVersion(open ?? newRoot(parsed, listed.key), listed);
      const legacy = parseLegacyKey(listed.key);
      if (legacy !== undefined) onLegacy(legacy.name);
    }
  }
  if (open !== undefined && open.count > 0) yield open;
  return undefined;
}

function newRoot(parsed: ManifestKey, key: string): ListedRoot {
  return { ...parsed, key, size: 0, stored: new Date(0), versions: [], count: 0, hidden: false };
}

/** Adds a version to the root. Listings have the newest first. */
function withVersion(root: ListedRoot, listed: ListedVersion): ListedRoot {
  const { key, version, size, stored, latest, deleteMarker } = listed;
  if (deleteMarker) return { ...root, hidden: root.hidden || latest };
  const versions = [{ key, version, size, stored }, ...root.versions].slice(0, mostVersions);
  return { ...root, size, stored, versions, count: root.count + 1 };
}
