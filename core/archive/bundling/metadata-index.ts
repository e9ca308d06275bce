/** The index in the metadata of the objects themselves: one request for each bundle that the state does not know. */
import type { Bucket } from "../../bucket/contract.ts";
import { sha256Hex } from "../../format/lines/lines.ts";
import type { FingerprintIndex } from "./fingerprint-index.ts";

/** Names of the metadata. The second one is absent for bundles that are not sealed. */
const fingerprintName = "fingerprint";
const sealedName = "sealed-with";

export function metadataIndex(bucket: Pick<Bucket, "head">): FingerprintIndex {
  return {
    async find(key) {
      const found = await bucket.head(key);
      if (found === undefined) return undefined;
      const fingerprint = sha256Hex.safeParse(found.metadata[fingerprintName]);
      if (!fingerprint.success) return undefined;
      const { version, size, retention, metadata } = found;
      const sealedWith = metadata[sealedName] ?? "";
      // Metadata is put before the digest of all that is stored is known.
      const sha256 = undefined;
      return { key, version, size, sha256, fingerprint: fingerprint.data, sealedWith, lock: retention };
    },
    metadataOf: ({ fingerprint, sealedWith }) => ({
      [fingerprintName]: fingerprint,
      ...(sealedWith !== "" && { [sealedName]: sealedWith }),
    }),
    // It is beside the object, which is looked up in any case.
    scriptMd5: () => Promise.resolve(undefined),
    note: () => Promise.resolve(),
  };
}
