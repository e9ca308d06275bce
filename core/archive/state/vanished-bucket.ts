/**
 * Notices that a bucket in a directory is not there, as its disk is not mounted: the empty folder below the mount point looks like
 * a new bucket. It is known by the mounts on the way to it, which were more when the last run ended.
 */
import type { Database } from "bun:sqlite";
import { realpathSync } from "node:fs";
import type { BucketReader } from "../../bucket/contract.ts";
import { Failure } from "../../failure.ts";
import { pathOfFileUrl } from "../../file-url.ts";
import { fromText, parentOf } from "../../format/path.ts";
import { lstat } from "../../system/filesystem/stat.ts";
import { fact, setFact } from "./database.ts";

type ListedBucket = Pick<BucketReader, "list"> & { readonly url: string };

const name = "bucket-mounts";

/** Call when a run has ended well. */
export function noteMounts({ url }: ListedBucket, state: Database): void {
  const mounts = mountsTo(url);
  if (mounts !== undefined && fact(state, name) !== String(mounts)) setFact(state, name, String(mounts));
}

/** Returns whether the bucket is a directory that holds nothing, and there were more mounts on the way to it. */
export async function isVanished(bucket: ListedBucket, state: Database): Promise<boolean> {
  const before = Number(fact(state, name) ?? 0);
  const mounts = mountsTo(bucket.url);
  if (mounts === undefined || mounts >= before) return false;
  for await (const page of bucket.list("")) if (page.length > 0) return false;
  return true;
}

/** Throws a Failure for a vanished bucket: a run would fill the disk below the mount point, and forget what it has stored. */
export async function refuseVanished(bucket: ListedBucket, state: Database): Promise<void> {
  if (!(await isVanished(bucket, state))) return;
  throw new Failure({ doing: "archive into", what: bucket.url, why: vanishedText, remedy: vanishedRemedy });
}

export const vanishedText = "it is empty, and the disk that this machine's backups are on is not mounted there";
export const vanishedRemedy = "mount that disk; to begin a bucket without it, remove the state folder first";

/** Returns how many mounts a path goes through; undefined for a bucket that is no directory. */
function mountsTo(url: string): number | undefined {
  const path = pathOfFileUrl(url);
  if (path === undefined) return undefined;
  let mounts = 0;
  for (let at = fromText(realpathSync(path)); at !== "/"; at = parentOf(at)) {
    const [here, above] = [lstat(at), lstat(parentOf(at))];
    if (here.mount !== above.mount || here.device !== above.device) mounts += 1;
  }
  return mounts;
}
