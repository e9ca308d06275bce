/** Finds all roots, and does not believe one list alone: a root that it left out would cost what its backup needs. */
import { BucketError, type BucketReader } from "../bucket/contract.ts";
import { parseManifestKey, prefixes } from "../format/keys/keys.ts";
import { parseLegacyKey } from "../format/keys/legacy-keys.ts";
import { type FoundManifests, findRoots } from "./kept.ts";

/**
 * As `findRoots`, after a list of another kind, which costs one request for a thousand objects. Throws `damaged` if that
 * names a root which the versions lack: proxies cut lists short, or keep old ones.
 */
export async function findAllRoots(bucket: Pick<BucketReader, "list" | "listVersions">): Promise<FoundManifests> {
  const current = new Set<string>();
  for await (const page of bucket.list(prefixes.manifests)) {
    for (const { key } of page) if (isRootKey(key)) current.add(key);
  }
  const found = await findRoots(bucket);
  for (const { versions } of found.roots) for (const { key } of versions) current.delete(key);
  const [lacking] = current;
  if (lacking === undefined) return found;
  throw new BucketError("damaged", {
    doing: "find all backups, to see what they need",
    what: lacking,
    why: "the server's list of versions lacks it, and its list of objects does not",
    remedy: "run again; if that happens again, ask the administrator of the server, or of a proxy before it",
  });
}

function isRootKey(key: string): boolean {
  return parseManifestKey(key) !== undefined || parseLegacyKey(key) !== undefined;
}
