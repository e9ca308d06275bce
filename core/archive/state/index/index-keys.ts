/** Lists the keys of index objects and verified objects that may be new, in as few requests as possible. */
import type { BucketReader, Listed } from "../../../bucket/contract.ts";
import { lastTimely } from "../../../format/keys/index-id.ts";
import { parseIndexKey, parseVerifiedKey, prefixes } from "../../../format/keys/keys.ts";

export type IndexKey = Listed & {
  /** The backup name; empty for a verified object. */
  readonly source: string;
  readonly stamp: string;
  readonly run: string;
};

export type KeyListing = {
  readonly bucket: Pick<BucketReader, "list">;
  /** The backup names whose index is believed; "all" for whatever is there. */
  readonly names: ReadonlySet<string> | "all";
  /** Returns a key after which all of a source lie that may be new. */
  readonly startOf: (source: string) => string;
  readonly now: Date;
};

/** S3's pages have so many keys, but for the last. */
const fullPage = 1_000;
/** Up to so many names are listed one by one. */
const mostListedAlone = 4;

export async function* indexKeys(listing: KeyListing): AsyncGenerator<IndexKey> {
  const { names, startOf } = listing;
  if (names === "all" || names.size > mostListedAlone) {
    yield* listed(listing, prefixes.index, undefined);
    return;
  }
  for (const name of names) {
    for await (const found of listed(listing, prefixes.index, startOf(name))) {
      if (found.source !== name) break;
      yield found;
    }
  }
}

export async function* verifiedKeys({
  bucket,
  startOf,
}: Pick<KeyListing, "bucket" | "startOf">): AsyncGenerator<IndexKey> {
  for await (const page of bucket.list(prefixes.verified, startOf(""))) {
    for (const found of page) {
      const parsed = parseVerifiedKey(found.key);
      if (parsed !== undefined) yield { ...found, ...parsed, source: "" };
    }
  }
}

/** Lists from `after` on. If a page is full and ends among keys that are of no interest, it begins again behind these. */
async function* listed(listing: KeyListing, prefix: string, start: string | undefined): AsyncGenerator<IndexKey> {
  for (let after = start, ended = false; !ended; ) {
    ended = true;
    for await (const page of listing.bucket.list(prefix, after)) {
      for (const found of page) {
        const parsed = parseIndexKey(found.key);
        if (parsed !== undefined) yield { ...found, ...parsed, source: parsed.name };
      }
      const end = page.at(-1)?.key;
      const behind = page.length < fullPage || end === undefined ? undefined : behindOf(end, listing);
      if (behind === undefined) continue;
      after = behind;
      ended = false;
      break;
    }
  }
}

/** Returns the key behind which to go on instead of behind `end`, if that skips any. */
function behindOf(end: string, { names, startOf, now }: KeyListing): string | undefined {
  const name = /^index\/([^/]+)\//.exec(end)?.[1];
  if (name === undefined) return undefined;
  const folder = prefixes.indexOf(name);
  // Sorts behind all keys of the folder, and before those of any other name.
  const behindAll = `${folder.slice(0, -1)}0`;
  if (names !== "all" && !names.has(name)) return behindAll;
  if (end > folder + lastTimely(now)) return behindAll;
  const start = startOf(name);
  return start > end ? start : undefined;
}
