/**
 * Keys of s3-sysbackup, the Python program that this one carries on. All of its runs put their manifest under the same key, so each
 * *version* of it is a backup, and a version is named as AWS does: `manifests/web1-backup.json?versionId=…`.
 */

import { fromText } from "../path.ts";
import { type RunId, safeName, snapshotterName, stampOf } from "./keys.ts";

/** `unified` has files and snapshots. The other two take its place if it could not be put. */
export type LegacyKind = "unified" | "content" | "snapshots";

const endings: readonly (readonly [LegacyKind, string])[] = [
  ["unified", "-backup.json"],
  ["content", "-content_manifest.jsonl"],
  ["snapshots", "-snapshot_manifest.txt"],
];

export type LegacyKey = { readonly kind: LegacyKind; readonly name: string };

/** Returns undefined for a key that is not of a manifest of s3-sysbackup. */
export function parseLegacyKey(key: string): LegacyKey | undefined {
  const [, file] = /^manifests\/([^/]+)$/.exec(key) ?? [];
  if (file === undefined) return undefined;
  for (const [kind, ending] of endings) {
    const name = file.slice(0, -ending.length);
    if (file.endsWith(ending) && safeName.test(name)) return { kind, name };
  }
  return undefined;
}

/** Returns the keys that manifests of a host may have, in byte order. */
export function legacyKeysOf(name: string): string[] {
  return endings.map(([, ending]) => `manifests/${name}${ending}`);
}

/** Returns the name of one version, for people and for the command line. */
export function legacyWord(key: string, version: string): string {
  return `${key}${versionMark}${version}`;
}

const versionMark = "?versionId=";

/** `version`: undefined if only the key is named. */
export type LegacyWord = LegacyKey & { readonly key: string; readonly version: string | undefined };

/** Reads what `legacyWord` writes, and a key alone. */
export function parseLegacyWord(word: string): LegacyWord | undefined {
  const mark = word.indexOf(versionMark);
  const key = mark < 0 ? word : word.slice(0, mark);
  const parsed = parseLegacyKey(key);
  return parsed && { ...parsed, key, version: mark < 0 ? undefined : word.slice(mark + versionMark.length) };
}

/** Returns a name for a run of s3-sysbackup, which has none: by the version, and by when the server stored it. */
export function legacyRun(version: string, stored: Date): { readonly stamp: string; readonly run: RunId["run"] } {
  return { stamp: stampOf(stored), run: new Bun.CryptoHasher("sha256").update(version).digest("hex").slice(0, 8) };
}

const snapshotKey = /^snapshots\/([^/]+?)-\d{4}-\d\d-\d\dT\d\d:\d\dZ-([^/]+)$/;

/** `snapshotter`: safe in the names of files. */
export type LegacySnapshot = { readonly name: string; readonly snapshotter: string };

export function parseLegacySnapshot(key: string): LegacySnapshot | undefined {
  const [, name, snapshotter] = snapshotKey.exec(key) ?? [];
  if (name === undefined || snapshotter === undefined) return undefined;
  return { name, snapshotter: snapshotterName(fromText(snapshotter)) };
}

const contentKey = /^content\/([0-9a-f]{64})$/;

/** Returns the digest, hex, of the file that is stored under a key; undefined for a key that content never has. */
export function digestInContentKey(key: string): string | undefined {
  return contentKey.exec(key)?.[1];
}
