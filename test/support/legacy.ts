/** Puts into a bucket what s3-sysbackup 0.2.0 puts, as seen of the real one: `test/round-trip/s3-sysbackup` runs that. */
import { gzipSync } from "node:zlib";
import type { Bucket, Stored } from "../../core/bucket/contract.ts";
import { sha256 } from "../../core/format/sha256.ts";

const plainAcl = "user::rw-\ngroup::r--\nother::r--\n\n";
const folderAcl = "user::rwx\ngroup::r-x\nother::r-x\n\n";

export type LegacyBucket = {
  readonly bucket: Bucket;
  readonly now: () => Date;
  /** Days for which it locks. Content is locked for seven more. */
  readonly days?: number;
};

const day = 24 * 60 * 60 * 1000;

function retentionOf({ now, days = 14 }: LegacyBucket, more = 0) {
  return { mode: "GOVERNANCE", until: new Date(now().getTime() + (days + more) * day) } as const;
}

/** It compresses what becomes smaller, with a time of 2000, and says gzip of all. */
export function putContent(place: LegacyBucket, content: string | Uint8Array): Promise<Stored> {
  const bytes = Buffer.from(content);
  const zipped = gzipSync(bytes);
  zipped.writeUInt32LE(946_684_800, 4);
  const stored = zipped.length < bytes.length ? zipped : bytes;
  const options = { retention: retentionOf(place, 7), metadata: { "storage-encoding": "gzip" } };
  return place.bucket.put(`content/${sha256(bytes)}`, stored, options);
}

type Fields = Readonly<Record<string, unknown>>;

export const legacyFolder = (path: string, more: Fields = {}) => ({
  ...{ typ: "d", o: "root", g: "root", acl: folderAcl, path },
  ...more,
});

export const legacyLink = (path: string, tgt: string) => ({ typ: "l", o: "root", g: "root", tgt, path });

export async function legacyFile(
  place: LegacyBucket,
  path: string,
  content: string | Uint8Array,
  more: Fields = {},
): Promise<Fields> {
  const { key, version } = await putContent(place, content);
  const id = sha256(Buffer.from(path)).slice(0, 32);
  return { ...{ typ: "f", o: "root", g: "root", acl: plainAcl, dat: key, ver: version, id, path }, ...more };
}

export async function legacySnapshot(place: LegacyBucket, name: string, dump: string): Promise<string> {
  const key = `snapshots/${name}-${place.now().toISOString().slice(0, 16)}Z-db`;
  const metadata = { "backup-output": "a database; ::restore-through:: cat;", "restore-through": "cat" };
  await place.bucket.put(key, Buffer.from(dump), { retention: retentionOf(place), metadata });
  return key;
}

export type LegacyRun = {
  readonly content: readonly Fields[];
  readonly snapshots?: readonly string[];
  readonly log?: readonly Fields[];
};

export function putManifest(place: LegacyBucket, name: string, run: LegacyRun): Promise<Stored> {
  const { content, snapshots = [], log } = run;
  // As Python writes it: spaces, and nothing but ASCII.
  const text = JSON.stringify({ ...(log && { log }), content, snapshots }, undefined, 1).replace(
    /[\u0080-\uffff]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return putRaw(place, `manifests/${name}-backup.json`, text);
}

/** What it puts if it may not put the manifest. */
export async function putPieces(place: LegacyBucket, name: string, { content, snapshots = [] }: LegacyRun) {
  const lines = snapshots.map((key) => `${key}\n`).join("");
  await putRaw(place, `manifests/${name}-snapshot_manifest.txt`, lines);
  const items = content.map((item) => `${JSON.stringify(item)}\n`).join("");
  return putRaw(place, `manifests/${name}-content_manifest.jsonl`, items);
}

export function putRaw(place: LegacyBucket, key: string, text: string): Promise<Stored> {
  return place.bucket.put(key, Buffer.from(text), { retention: retentionOf(place) });
}
