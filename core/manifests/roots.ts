/** The backups that a bucket holds: the roots of their manifests. */
import type { BucketReader } from "../bucket/contract.ts";
import { type ManifestKey, parseManifestKey, prefixes } from "../format/keys.ts";

export type RootKey = ManifestKey & {
  readonly key: string;
  /** Stored bytes. */
  readonly size: number;
};

/** What a name and a folder of its parts start with; `0` is the character after `/`, so it skips all that lies within. */
const parts = /^manifests\/[^/]+\/parts\//;
const after = (folder: string) => `${folder.slice(0, -1)}0`;

/**
 * Roots in byte order of key, so oldest first within a name; of one backup name or of all.
 *
 * Parts lie among them and may be thousands of times as many. Time stamps sort before `parts/`, so the listing is
 * left at the first part and taken up again behind the last: about two requests a name, however large the backups.
 */
export async function* listRoots(bucket: Pick<BucketReader, "list">, name?: string): AsyncGenerator<RootKey> {
  const prefix = name === undefined ? prefixes.manifests : prefixes.manifestsOf(name);
  for (let start: string | undefined; ; ) {
    const folder = yield* rootsUpToParts(bucket, prefix, start);
    if (folder === undefined || name !== undefined) return;
    start = after(folder);
  }
}

/** Returns the folder of parts that it stopped at, undefined at the end of the listing. */
async function* rootsUpToParts(
  bucket: Pick<BucketReader, "list">,
  prefix: string,
  start: string | undefined,
): AsyncGenerator<RootKey, string | undefined> {
  for await (const page of bucket.list(prefix, start)) {
    for (const { key, size } of page) {
      const folder = parts.exec(key)?.[0];
      if (folder !== undefined) return folder;
      const parsed = parseManifestKey(key);
      if (parsed !== undefined) yield { ...parsed, key, size };
    }
  }
  return undefined;
}
