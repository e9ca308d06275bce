/**
 * What a secret that machines share makes of names and digests: keys and the index of a sealed backup then say nothing about content to
 * anybody without it.
 */
import { createHmac } from "node:crypto";

export type Keyed = {
  /** Returns the id of a chunk (hex) for its SHA-256 in hex. */
  readonly chunkId: (sha256: string) => string;
  /** Returns what stands in a key for a name. */
  readonly name: (name: string) => string;
  /** Returns what stands for a digest of names or content where anybody may read it (hex, 64 digits). */
  readonly digest: (digest: string) => string;
  /** Random words for the cuts between chunks, one for each value of a byte. */
  readonly gear: Int32Array;
  /** Tells this secret from others, and gives nothing of it away. */
  readonly mark: string;
};

/** Bytes of a secret at least. */
export const shortestSecret = 32;

/**
 * `sealedFor`: all who can open what is sealed. It is part of all that is made, so that no backup is built upon what others can open
 * and its own identity cannot.
 */
export function keyedBy(secret: Uint8Array, sealedFor: readonly string[]): Keyed {
  const key = createHmac("sha256", secret).update(sealedFor.toSorted().join("\n")).digest();
  const mac = (use: string, text: string) => createHmac("sha256", key).update(`sysbackup ${use} ${text}`).digest();
  return {
    chunkId: (sha256) => mac("chunk", sha256).toString("hex"),
    name: (name) => mac("name", name).toString("hex").slice(0, 32),
    digest: (digest) => mac("digest", digest).toString("hex"),
    gear: Int32Array.from({ length: 256 }, (_, byte) => mac("gear", `${byte}`).readInt32LE(0)),
    mark: mac("mark", "").toString("hex"),
  };
}
