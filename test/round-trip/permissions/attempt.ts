/** An attempt that somebody with the credentials of a role may make: what is sent, and which rights AWS asks for. */
import type { ObjectLockRetentionMode, S3Client } from "@aws-sdk/client-s3";
import { ownName } from "./for-ceph.ts";

/** A version that is there when an attempt is made. */
export type Target = { readonly bucket: string; readonly key: string; readonly version: string };

export type Need = {
  /** Name of the action, without `s3:`. */
  readonly action: string;
  /** Key if it is not that of the target; null for the bucket itself. */
  readonly on?: string | null;
  readonly context?: Readonly<Record<string, string>>;
};

export type Attempt = {
  readonly name: string;
  /** Prefix of the target's key; it is locked in GOVERNANCE mode for `targetDays`, or not at all. */
  readonly target: string;
  readonly unlocked?: true;
  /** All of these are asked for. */
  readonly needs: readonly Need[];
  /** S3 itself refuses it to everybody: the object is locked, the bucket is not to lose its locks, or is not empty. */
  readonly lock?: true;
  /** It may change how the bucket is set up. */
  readonly changesBucket?: true;
  readonly send: (client: S3Client, target: Target) => Promise<unknown>;
};

/** How long a target is locked, and how long the lock is that attempts ask for: within all limits. */
export const targetDays = 20;
export const longerDays = 40;

export type Limits = {
  readonly longestLockDays: number;
  readonly longestKeepDays: number;
  readonly other: ObjectLockRetentionMode;
};

/** By name, the target under the name of another machine, if there are names in it. */
export const folders = {
  "packs/": "packs/",
  "content/": "content/",
  "snapshots/": "snapshots/other/",
  "bundles/": "bundles/other/",
  "manifests/": "manifests/other/",
  "index/": "index/other/",
  "verified/": "verified/",
} as const;

export const whose = {
  "under its own name": `${ownName}/`,
  "under another machine's name": "other/",
} as const;

export const inDays = (days: number) => new Date(Date.now() + days * 24 * 60 * 60 * 1000);
export const at = ({ bucket, key }: Target) => ({ Bucket: bucket, Key: key });
export const exactly = ({ bucket, key, version }: Target) => ({ Bucket: bucket, Key: key, VersionId: version });
export const bypass = { BypassGovernanceRetention: true } as const;

/** A lock as in policies: full days from now, and the mode. */
export function lockContext(mode: ObjectLockRetentionMode, days: number): Record<string, string> {
  return { "s3:object-lock-mode": mode, "s3:object-lock-remaining-retention-days": String(Math.floor(days)) };
}

export function lockOf(mode: ObjectLockRetentionMode, days: number) {
  return { ObjectLockMode: mode, ObjectLockRetainUntilDate: inDays(days) };
}

/** Stating a lock asks for the right to set one, too. */
export function putNeeds(mode: ObjectLockRetentionMode, days: number): Need[] {
  const context = lockContext(mode, days);
  return [
    { action: "PutObject", context },
    { action: "PutObjectRetention", context },
  ];
}
