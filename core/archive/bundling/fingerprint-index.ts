/**
 * Where fingerprints of stored bundles are found again if this machine's state does not have them: then what did not change need
 * not be sent again. A table that many hosts share is another of these.
 */
import type { Bucket, Retention, Stored } from "../../bucket/contract.ts";
import { sha256Hex } from "../../format/lines.ts";

/** A bundle as it was stored: by the word of the index, and looked up in the bucket. */
export type NotedBundle = Stored & {
  readonly fingerprint: string;
  /** Undefined if it is not known. */
  readonly lock: Retention | undefined;
};

export type FingerprintIndex = {
  /** Returns the newest bundle under a key. Undefined if nothing is noted of it: it counts as different. */
  find(key: string): Promise<NotedBundle | undefined>;
  /** Returns what its object's metadata is to say of a bundle that is about to be stored. */
  metadataOf(fingerprint: string): Readonly<Record<string, string>>;
};

/** Name of the metadata. */
const fingerprintName = "fingerprint";

/** The index in the metadata of the objects themselves: one request for each bundle that the state does not know. */
export function metadataIndex(bucket: Pick<Bucket, "head">): FingerprintIndex {
  return {
    async find(key) {
      const found = await bucket.head(key);
      if (found === undefined) return undefined;
      const fingerprint = sha256Hex.safeParse(found.metadata[fingerprintName]);
      if (!fingerprint.success) return undefined;
      const { version, size, retention } = found;
      return { key, version, size, fingerprint: fingerprint.data, lock: retention };
    },
    metadataOf: (fingerprint) => ({ [fingerprintName]: fingerprint }),
  };
}
