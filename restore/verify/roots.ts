/** Reads the root of a backup that is verified, in the version that archive put, and reports its faults. */
import type { BucketError, BucketReader, Stored } from "../../core/bucket/contract.ts";
import { throwIfFatal } from "../../core/bucket/fatal.ts";
import type { Manifest } from "../../core/format/manifest/manifest.ts";
import { contradictionIn } from "../../core/manifest/dates.ts";
import type { Found, FoundRoot } from "../../core/manifest/find.ts";
import { type Original, readOriginal } from "../../core/manifest/original.ts";
import { readManifest } from "../../core/manifest/read.ts";
import { ManifestRefused } from "../../core/manifest/refused.ts";
import { type OpenedIfPossible, openIfPossible } from "../../core/manifest/sealed.ts";
import { demandTrust, type TrustCheck } from "../../core/manifest/trust.ts";
import type { FindingCode } from "./findings.ts";

export type VerifyBucket = Pick<BucketReader, "get" | "head" | "retention" | "listVersions" | "expiryDays">;

type RootFault = { readonly code: FindingCode; readonly why: string };

export type RootRead = {
  /** Manifest of the root; undefined if no version of it can be used. */
  readonly manifest: Manifest | undefined;
  /** Version that was read, else the oldest one; undefined for a local file. */
  readonly stored: Stored | undefined;
  readonly faults: readonly RootFault[];
  /** Set if the role may not read it: this one, or any. */
  readonly denied?: BucketError;
};

const codes = {
  newer: "not-checked",
  damaged: "manifest-damaged",
  foreign: "manifest-foreign",
  untrusted: "not-trusted",
} as const;

export type RootJudges = {
  /** What dates of backups are compared with. Called after the listing. */
  readonly serverTime: () => Date;
  readonly trust?: TrustCheck | undefined;
  /** Asks for an identity, if a backup is sealed and none is given. */
  readonly askIdentity?: (() => Promise<void>) | undefined;
};

export async function readRoot(bucket: VerifyBucket, found: Found, judges: RootJudges): Promise<RootRead> {
  const { serverTime, trust, askIdentity } = judges;
  if ("file" in found) {
    const manifest = await readManifest(bucket, found);
    if (trust !== undefined)
      demandTrust({ check: trust, refuses: true }, { manifest, name: found.file, stored: undefined }, () => {});
    return opened(await openIfPossible(bucket, manifest, askIdentity), undefined, []);
  }
  try {
    const { manifest: read, stored } = await originalOf(bucket, found, trust);
    const both = await openIfPossible(bucket, read, askIdentity);
    const faults = [...olderFaults(found, stored), ...dateFaults(found, read, serverTime())];
    const why = trust?.(read, stored.stored);
    return opened(both, stored, why === undefined ? faults : [...faults, { code: "not-trusted", why }]);
  } catch (error) {
    return { manifest: undefined, stored: found.versions[0], ...faultOf(error) };
  }
}

/** Returns the version that `restore --trust` takes, if there is one: anybody may have put another one before it. */
async function originalOf(bucket: VerifyBucket, found: FoundRoot, trust: TrustCheck | undefined): Promise<Original> {
  if (trust !== undefined) {
    try {
      return await readOriginal(bucket, found, { trust });
    } catch (error) {
      if (!(error instanceof ManifestRefused)) throw error;
    }
  }
  return found.original ?? (await readOriginal(bucket, found));
}

/** A backup that the identity does not open is verified as without one. */
function opened(
  { manifest, sealedFor }: OpenedIfPossible,
  stored: Stored | undefined,
  faults: readonly RootFault[],
): RootRead {
  if (sealedFor === undefined) return { manifest, stored, faults };
  const why = `its names and files are not checked: ${sealedFor}`;
  return { manifest, stored, faults: [...faults, { code: "not-checked", why }] };
}

function faultOf(error: unknown): Pick<RootRead, "faults" | "denied"> {
  if (error instanceof ManifestRefused) return { faults: [{ code: codes[error.kind], why: error.parts.why }] };
  const refused = throwIfFatal(error);
  const faults = [{ code: "not-checked", why: `it cannot be read: ${refused.parts.why}` }] as const;
  return refused.kind === "denied" ? { faults, denied: refused } : { faults };
}

function olderFaults({ versions }: FoundRoot, { version }: Stored): RootFault[] {
  if (version === versions[0]?.version) return [];
  return [{ code: "manifest-damaged", why: "the oldest version of it cannot be used; this one can" }];
}

function dateFaults(root: FoundRoot, manifest: Manifest, now: Date): RootFault[] {
  const why = contradictionIn(root, manifest, now);
  return why === undefined ? [] : [{ code: "dates-contradict", why }];
}
