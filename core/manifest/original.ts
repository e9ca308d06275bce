/**
 * Finds the version of a root that archive put. Archive puts a root once, under a key with a random number in it, so the
 * oldest version that is whole is the original. docs/format.md (Threats) says who could come before it.
 */
import type { DatedVersion, Stored } from "../bucket/contract.ts";
import { stampOf } from "../format/keys/keys.ts";
import type { Manifest, ManifestHeader } from "../format/manifest/manifest.ts";
import type { ObjectSource } from "../stored/read.ts";
import { readTwice } from "../stored/second-read.ts";
import { type LegacyDepth, readLegacyManifest } from "./legacy/read.ts";
import type { LegacyRoot } from "./legacy/roots.ts";
import { readManifest, refusal } from "./read.ts";
import { ManifestRefused } from "./refused.ts";
import { type ListedRoot, wordOf } from "./roots.ts";
import type { TrustCheck } from "./trust.ts";

/** What was laid over a root, by someone other than archive. */
export type Overlay = {
  /** A delete marker hides it from plain reads. */
  readonly hidden: boolean;
  /** Versions with other content. */
  readonly versions: number;
};

export type Original = {
  readonly manifest: Manifest;
  readonly stored: DatedVersion;
  /** Undefined if nothing was. */
  readonly overlay: Overlay | undefined;
};

export type ReadDepth = { readonly depth?: LegacyDepth; readonly trust?: TrustCheck | undefined };

/**
 * Reads the original. Throws a `ManifestRefused` if no version is usable: what is wrong with the oldest. A version whose name,
 * run or start is not that of the key is none of this backup; nor is one, if `trust` is given, that is not trusted.
 */
export async function readOriginal(
  bucket: ObjectSource,
  root: ListedRoot,
  { depth = "whole", trust }: ReadDepth = {},
): Promise<Original> {
  if (root.kind !== undefined) {
    const original = await readLegacy(bucket, { ...root, kind: root.kind, hidden: false }, depth);
    checkTrust(root, original, trust);
    return original;
  }
  let refused: ManifestRefused | undefined;
  for (const stored of root.versions) {
    try {
      // Only the oldest a second time: it is most likely the original, and anybody can lay thousands over it.
      const manifest = await readManifest(bucket, stored, stored === root.versions[0] ? "twice" : "once");
      checkKey(root, manifest.header);
      checkTrust(root, { manifest, stored }, trust);
      return { manifest, stored, overlay: await overlayOf(bucket, root, stored) };
    } catch (error) {
      if (!(error instanceof ManifestRefused) || error.kind === "newer") throw error;
      refused ??= error;
    }
  }
  throw refused ?? new Error(`a root without versions: ${root.key}`);
}

/** Reads a manifest of s3-sysbackup, of which each version is a backup: no other lies over it. */
async function readLegacy(bucket: ObjectSource, root: LegacyRoot, depth: LegacyDepth): Promise<Original> {
  const [stored] = root.versions;
  if (stored === undefined) throw new Error(`a root without versions: ${root.key}`);
  try {
    const manifest = await readTwice(() => readLegacyManifest(bucket, root, depth));
    return { manifest, stored, overlay: undefined };
  } catch (error) {
    throw refusal(error, wordOf(root));
  }
}

/** Checks trust by the date of the version that is read, not of its key: anybody may put another version under a key of long ago. */
function checkTrust(root: ListedRoot, { manifest, stored }: Omit<Original, "overlay">, trust?: TrustCheck): void {
  const why = trust?.(manifest, stored.stored);
  if (why !== undefined) throw new ManifestRefused("untrusted", wordOf(root), why, undefined);
}

function checkKey({ key, name, stamp, run }: ListedRoot, header: ManifestHeader): void {
  const began = stampOf(new Date(header.started));
  if (header.name === name && header.run === run && began === stamp) return;
  const why = `it says that it is ${header.name} of ${began}, run ${header.run}, which its key does not`;
  throw new ManifestRefused("foreign", key, why, undefined);
}

async function overlayOf(bucket: ObjectSource, root: ListedRoot, original: Stored): Promise<Overlay | undefined> {
  const versions = (await isRepeated(bucket, root, original)) ? 0 : root.count - 1;
  return versions > 0 || root.hidden ? { hidden: root.hidden, versions } : undefined;
}

/** A put whose answer is lost is repeated this many times at most: see `core/bucket/decorators/retry.ts`. */
const mostRepetitions = 8;

/** Returns whether all versions are the same bytes, which points to a bad connection and not to an attack. */
async function isRepeated(bucket: ObjectSource, { versions, count }: ListedRoot, original: Stored): Promise<boolean> {
  if (count === 1) return true;
  if (count > mostRepetitions || versions.some(({ size }) => size !== original.size)) return false;
  const digest = await digestOf(bucket, original);
  for (const stored of versions) if ((await digestOf(bucket, stored)) !== digest) return false;
  return true;
}

async function digestOf(bucket: ObjectSource, stored: Stored): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const piece of bucket.get(stored.key, { version: stored.version, unchanged: true })) hash.update(piece);
  return hash.digest("hex");
}
