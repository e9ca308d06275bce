/** Reads what is left of the index of a backup name. */
import type { BucketReader } from "../../bucket/contract.ts";
import { isOfOne } from "../../bucket/fatal.ts";
import { reasonOf } from "../../failure.ts";
import { FormatError } from "../../format/error.ts";
import { isTimely } from "../../format/index-id.ts";
import { parseIndexKey, prefixes } from "../../format/keys.ts";
import type { KnownVersions } from "../../inventory/known.ts";
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
  for await (const page of bucket.list(prefixes.indexOf(name))) {
    for (const { key } of page) {
      const parsed = parseIndexKey(key);
      // No archive reads what is not timely.
      if (parsed === undefined || !isTimely(parsed.stamp, start)) continue;
      signal.throwIfAborted();
      last = parsed.stamp;
      try {
        await known.learn(readIndexObject(bucket, { key }, parsed));
      } catch (error) {
        if (!(error instanceof FormatError) && !isOfOne(error)) throw error;
        const message = `the index object ${JSON.stringify(key)} is skipped: ${reasonOf(error)}; what it has is read from packs`;
        notify({ level: "warning", code: "index-damaged", message });
      }
    }
  }
  return last;
}
