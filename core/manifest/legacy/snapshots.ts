/** Finds the dumps that a manifest of s3-sysbackup names by their keys alone. */
import type { ListedVersion } from "../../bucket/contract.ts";
import { isDenied } from "../../bucket/fatal.ts";
import { distinct } from "../../format/keys/keys.ts";
import { parseLegacySnapshot } from "../../format/keys/legacy-keys.ts";
import type { SnapshotRef } from "../../format/manifest/manifest.ts";
import { eachOf } from "../../side-by-side.ts";
import type { ObjectSource } from "../../stored/read.ts";

const atOnce = 8;

export async function snapshotsOf(bucket: ObjectSource, keys: readonly string[], stored: Date): Promise<SnapshotRef[]> {
  const names = distinct(keys.map(snapshotterIn));
  const found: SnapshotRef[] = [];
  await eachOf(keys.entries(), atOnce, async ([number, key]) => {
    found[number] = await snapshotOf(bucket, { key, snapshotter: names[number] ?? "" }, stored);
  });
  return found;
}

function snapshotterIn(key: string): string {
  return parseLegacySnapshot(key)?.snapshotter ?? "snapshot";
}

type NamedDump = { readonly key: string; readonly snapshotter: string };

async function snapshotOf(bucket: ObjectSource, { key, snapshotter }: NamedDump, stored: Date): Promise<SnapshotRef> {
  const version = await versionAt(bucket, key, stored);
  const words = version && (await metadataOf(bucket, version));
  const size = version?.size ?? 0;
  return {
    snapshotter,
    key,
    version: version?.version ?? "none",
    size,
    // Nothing states it.
    sha256: "",
    encoding: "none",
    dump_size: size,
    dump_sha256: "",
    exit: 0,
    ...(words?.["restore-through"] !== undefined && { restore_through: words["restore-through"] }),
    ...(words?.["backup-output"] !== undefined && { description: words["backup-output"] }),
  };
}

/** Runs within one minute have a key in common: returns the last version that was stored before the manifest. */
async function versionAt(bucket: ObjectSource, key: string, stored: Date): Promise<ListedVersion | undefined> {
  let oldest: ListedVersion | undefined;
  for await (const page of bucket.listVersions?.(key) ?? []) {
    for (const version of page) {
      if (version.key !== key || version.deleteMarker) continue;
      if (version.stored <= stored) return version;
      oldest = version;
    }
  }
  return oldest;
}

async function metadataOf(bucket: ObjectSource, { key, version }: ListedVersion) {
  try {
    return (await bucket.head?.(key, version))?.metadata;
  } catch (error) {
    // A role that looks after backups may not look into them.
    if (isDenied(error)) return undefined;
    throw error;
  }
}
