/** Reads what is left of the index of a backup name. */
import type { BucketReader } from "../../bucket/contract.ts";
import { isDenied, isOfOne } from "../../bucket/fatal.ts";
import { FormatError } from "../../format/error.ts";
import { isTimely } from "../../format/keys/index-id.ts";
import { parseIndexKey, prefixes } from "../../format/keys/keys.ts";
import type { KnownVersions } from "../../inventory/known.ts";
import { Skipped } from "../../inventory/skipped.ts";
import type { Notify } from "../../notice.ts";
import { readIndexObject } from "../../stored/index-object.ts";

export type OwnIndex = {
  readonly bucket: Pick<BucketReader, "get" | "list">;
  readonly name: string;
  readonly now: () => Date;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/** Reads all index objects of the name. Returns the stamp of the last; skips, with a notice, what is damaged. */
export async function readOwnIndex({ bucket, name, now, notify, signal }: OwnIndex, known: KnownVersions) {
  let last: string | undefined;
  const start = now();
  const skipped = new Skipped((message) => notify({ level: "warning", code: "index-damaged", message }));
  for await (const page of bucket.list(prefixes.indexOf(name))) {
    for (const { key, version } of page) {
      const parsed = parseIndexKey(key);
      // No archive reads what is not timely.
      if (parsed === undefined || !isTimely(parsed.stamp, start)) continue;
      signal.throwIfAborted();
      last = parsed.stamp;
      try {
        await known.learn(readIndexObject(bucket, { key, version }, parsed));
      } catch (error) {
        // Packs say the same: a role that may not read those either ends there.
        if (!(error instanceof FormatError) && !isOfOne(error) && !isDenied(error)) throw error;
        skipped.add(`the index object ${JSON.stringify(key)}`, error, "what it has is read from packs");
      }
    }
  }
  skipped.finish();
  return last;
}
