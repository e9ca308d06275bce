/** Faults as they befall a real backup in a directory bucket, and what verify then says. */

import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DamagedClaim } from "../../../core/archive/state/distrust.ts";
import { type Bucket, BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import type { PreviousBackup } from "../../../core/format/manifest/chain.ts";
import { findManifest } from "../../../core/manifest/find.ts";
import { listRoots } from "../../../core/manifest/roots.ts";
import type { TrustCheck } from "../../../core/manifest/trust.ts";
import type { Choose } from "../../../restore/verify/collect.ts";
import type { Finding } from "../../../restore/verify/findings.ts";
import type { LostEntries } from "../../../restore/verify/losses.ts";
import type { Notes } from "../../../restore/verify/notes.ts";
import { type Verdict, verify } from "../../../restore/verify/verify.ts";
import type { Rig } from "../../core/archive/rig.ts";

export type Verified = Omit<Verdict, "findings" | "losses" | "damage"> & {
  readonly damage: readonly DamagedClaim[];
  readonly findings: readonly Finding[];
  readonly losses: readonly LostEntries[];
};

export type Looking = {
  readonly bucket: Bucket;
  readonly now: () => Date;
  /** A backup name; all backups if undefined. */
  readonly name?: string;
  readonly read?: Choose;
  readonly notes?: Notes;
  readonly signal?: AbortSignal;
  readonly trust?: TrustCheck;
  /** The backup that the machine stored last. */
  readonly last?: PreviousBackup | undefined;
};

export function verified({ bucket, now, name, read, notes, signal, trust, last }: Looking): Promise<Verified> {
  async function* sources() {
    if (name === undefined) yield* listRoots(bucket);
    else yield await findManifest(bucket, name, { now, notify: () => {} });
  }
  const options = {
    bucket,
    sources: sources(),
    read,
    notes,
    now,
    judges: { serverTime: now, trust },
    onProgress: () => {},
  };
  const chain = name === undefined ? { last } : undefined;
  return verify({ ...options, chain, signal: signal ?? new AbortController().signal }, (verdict) => ({
    ...verdict,
    findings: [...verdict.findings()],
    damage: [...verdict.damage()].map(({ wrong, ...claim }) => {
      const extents = wrong && [...wrong()];
      return { ...claim, wrong: extents && (() => extents) };
    }),
    losses: [...verdict.losses()],
  }));
}

export const everything = () => true;

/** The only key with this prefix that is no folder's. */
export async function keyOf(rig: Rig, prefix: string, matching = /./): Promise<string> {
  const found = (await rig.keys(prefix)).filter((key) => matching.test(key));
  if (found.length === 0) throw new Error(`nothing lies under ${prefix}`);
  return found[0] ?? "";
}

export const root = /^manifests\/host\/\d/;

/** Behind the bucket's back. */
export async function change(rig: Rig, key: string, how: (bytes: Buffer) => Uint8Array): Promise<void> {
  const path = join(rig.path, "bucket", key);
  const bytes = await readFile(path);
  await chmod(path, 0o600);
  await writeFile(path, how(bytes));
}

export async function lose(rig: Rig, key: string): Promise<void> {
  await rm(join(rig.path, "bucket", key));
}

/** What the bucket has noted down of the object's version: metadata and lock. */
export async function changeRecord(rig: Rig, key: string, how: (record: BucketRecord) => void): Promise<void> {
  const version = (await rig.bucket.head(key))?.version;
  const path = join(rig.path, "bucket", `${key}~${version}.json`);
  const record = JSON.parse(await readFile(path, "utf8"));
  how(record);
  await chmod(path, 0o600);
  await writeFile(path, JSON.stringify(record));
}

export type BucketRecord = { metadata: Record<string, string>; retention: { mode: string; until: string } };

/** A directory bucket makes no delete markers and knows no holds: this lists and answers them as S3 does. */
export function markedDeleted(bucket: Bucket, deleted: string): Bucket {
  const listVersions: Bucket["listVersions"] = async function* (prefix, after) {
    for await (const page of bucket.listVersions(prefix, after))
      yield page.flatMap((listed) =>
        listed.key === deleted
          ? [
              { key: deleted, version: "marker", size: 0, stored: listed.stored, latest: true, deleteMarker: true },
              { ...listed, latest: false },
            ]
          : [listed],
      );
  };
  return wrapBucket(bucket, { listVersions });
}

export function held(bucket: Bucket, key: string): Bucket {
  return wrapBucket(bucket, {
    async head(...args) {
      const info = await bucket.head(...args);
      return info && { ...info, legalHold: info.key === key };
    },
  });
}

/** Refuses what a role may not that reads only manifests: content, and with it holds and encodings. */
export function readingOnlyManifests(bucket: Bucket): Bucket {
  const mayRead = (key: string) => {
    if (key.startsWith("manifests/")) return;
    throw new BucketError("denied", { doing: "read", what: key, why: "access denied" });
  };
  return wrapBucket(bucket, {
    async head(key, version) {
      mayRead(key);
      return bucket.head(key, version);
    },
    async *get(key, options) {
      mayRead(key);
      yield* bucket.get(key, options);
    },
  });
}
