/** Reads the root of a backup that is verified, in the version that archive put, and reports its faults. */
import type { BucketReader, Stored } from "../../core/bucket/contract.ts";
import type { Manifest } from "../../core/format/manifest.ts";
import type { Found } from "../../core/manifest/find.ts";
import { readOriginal } from "../../core/manifest/original.ts";
import { ManifestRefused, readManifest } from "../../core/manifest/read.ts";
import type { FindingCode } from "./findings.ts";

export type VerifyBucket = Pick<BucketReader, "get" | "head" | "retention" | "listVersions">;

export type RootRead = {
  /** Manifest of the root; undefined if no version of it can be used. */
  readonly manifest: Manifest | undefined;
  /** Version that was read, else the oldest one; undefined for a local file. */
  readonly stored: Stored | undefined;
  readonly fault: { readonly code: FindingCode; readonly why: string } | undefined;
};

export async function readRoot(bucket: VerifyBucket, found: Found): Promise<RootRead> {
  if ("file" in found) return { manifest: await readManifest(bucket, found), stored: undefined, fault: undefined };
  try {
    const { manifest, stored } = await readOriginal(bucket, found);
    const isOldest = stored.version === found.versions[0]?.version;
    const why = "the oldest version of it cannot be used; this one can";
    return { manifest, stored, fault: isOldest ? undefined : { code: "manifest-damaged", why } };
  } catch (error) {
    if (!(error instanceof ManifestRefused)) throw error;
    const code = error.kind === "newer" ? "not-checked" : "manifest-damaged";
    return { manifest: undefined, stored: found.versions[0], fault: { code, why: error.parts.why } };
  }
}
