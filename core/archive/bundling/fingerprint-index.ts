/**
 * Where fingerprints of stored bundles are found again if this machine's state does not have them: then what did not change need
 * not be sent again. See `metadata-index.ts` and `table-index.ts`.
 */
import type { Retention, Stored } from "../../bucket/contract.ts";
import type { Keyed } from "../../format/codecs/keyed.ts";

/** Returns what of a fingerprint is noted: of a sealed bundle, it tells nobody what is in it. */
export function notedFingerprint(fingerprint: string, keyed: Keyed | undefined): string {
  return keyed?.digest(fingerprint) ?? fingerprint;
}

/** Says that two bundles are the same, and opened with the same keyfile. */
type Sameness = {
  /** As `notedFingerprint` makes it. */
  readonly fingerprint: string;
  /** Name of what it is sealed with; empty for nothing. */
  readonly sealedWith: string;
};

/** `sha256`: of the stored bytes; undefined if it is not known. */
type Digested = { readonly sha256: string | undefined };

/** A bundle as it was stored: by the word of the index, and looked up in the bucket. */
export type NotedBundle = Stored &
  Sameness &
  Digested & {
    /** Undefined if it is not known. */
    readonly lock: Retention | undefined;
  };

/**
 * What is known of a bundle once it is stored. `md5`: of the compressed tar, before it is sealed with a keyfile; undefined if it is not
 * known, or would say what is in a sealed backup.
 */
export type StoredBundle = Stored & Sameness & Digested & { readonly md5: string | undefined };

export type FingerprintIndex = {
  /** Returns the newest bundle under a key. Undefined if nothing is noted of it: it counts as different. */
  find(key: string): Promise<NotedBundle | undefined>;
  /**
   * Returns what its object's metadata is to say of a bundle that is about to be stored. Undefined: it says nothing there, so that the
   * fingerprint need not be known before.
   */
  readonly metadataOf: ((bundle: Sameness) => Readonly<Record<string, string>>) | undefined;
  /** Returns the MD5 that the script before this program has noted of an object; undefined if that is not its place. */
  scriptMd5(key: string): Promise<string | undefined>;
  /** Notes bundles that are stored. Never fails: what is not noted counts as different should the state be lost. */
  note(bundles: readonly StoredBundle[]): Promise<void>;
};
