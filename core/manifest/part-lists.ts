/** The lists of parts that a root names: that of its files, and the table of contents of each bundle. Each is in byte order of path. */
import { filtersOf } from "../format/codecs/encoding.ts";
import { hasPassword } from "../format/codecs/openssl.ts";
import { hasIdentity, isSealedForOthers } from "../format/codecs/sealing.ts";
import type { BundleRef, Manifest, PartRef } from "../format/manifest/manifest.ts";
import type { ByteString } from "../format/path.ts";

export type PartList = {
  readonly parts: readonly PartRef[];
  /** All paths come before it; undefined if they may be any. */
  readonly end?: ByteString | undefined;
};

/** Returns the files first, and then the bundles in order. */
export function partListsOf(manifest: Pick<Manifest, "parts" | "bundles">): PartList[] {
  return [{ parts: manifest.parts }, ...bundlesInOrder(manifest).map(tableOf)];
}

/** As `partListsOf`, without those that nobody can open here: `onSealed` is called for each of them. */
export function readableListsOf(
  manifest: Pick<Manifest, "parts" | "bundles">,
  onSealed: (list: PartList) => void = () => {},
): PartList[] {
  const lists: PartList[] = [{ parts: manifest.parts }];
  for (const bundle of bundlesInOrder(manifest)) {
    if (isReadable(bundle)) lists.push(tableOf(bundle));
    else onSealed(tableOf(bundle));
  }
  return lists;
}

/** Returns bundles in an order in which folders come before what lies in them. */
export function bundlesInOrder({ bundles }: Pick<Manifest, "bundles">): BundleRef[] {
  return bundles.toSorted(outerFirst);
}

/** Returns the table of contents of a bundle. */
export function tableOf({ path, table }: BundleRef): PartList {
  // Paths in a folder sort from `path/` up to `path0`.
  return { parts: table, ...(path !== "/" && { end: `${path}0` as ByteString }) };
}

/** Returns whether what is in a bundle can be read: it is not sealed, or a keyfile and an identity were named, as far as it needs them. */
export function isReadable({ encoding }: Pick<BundleRef, "encoding">): boolean {
  const filters = filtersOf(encoding);
  return (hasPassword() || !filters.includes("openssl")) && (hasIdentity() || !isSealedForOthers(filters));
}

function outerFirst(one: BundleRef, other: BundleRef): number {
  if (one.path !== other.path) return one.path < other.path ? -1 : 1;
  return Number(other.above ?? false) - Number(one.above ?? false);
}
