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
    chunkId: chunkIdBy(key),
    name: (name) => mac("name", name).toString("hex").slice(0, 32),
    digest: (digest) => mac("digest", digest).toString("hex"),
    gear: Int32Array.from({ length: 256 }, (_, byte) => mac("gear", `${byte}`).readInt32LE(0)),
    mark: mac("mark", "").toString("hex"),
  };
}

/** Bytes of a block of SHA-256, and of what it gives. */
const [block, digest] = [64, 32] as const;
const useOfChunks = Buffer.from("sysbackup chunk ");

/**
 * Makes the HMAC-SHA-256 of "sysbackup chunk " and 64 hex digits, in memory that is used again: `createHmac` takes two and a half times as
 * long, for each of a million files.
 */
function chunkIdBy(key: Uint8Array): Keyed["chunkId"] {
  const padded = (pad: number) => Buffer.alloc(block).map((_, at) => (key[at] ?? 0) ^ pad);
  const inner = Buffer.concat([padded(0x36), useOfChunks, Buffer.alloc(2 * digest)]);
  const outer = Buffer.concat([padded(0x5c), Buffer.alloc(digest)]);
  const innerDigest = outer.subarray(block);
  return (sha256) => {
    if (sha256.length !== 2 * digest) throw new Error(`not the SHA-256 of a chunk: ${sha256}`);
    inner.write(sha256, block + useOfChunks.length, "latin1");
    Bun.SHA256.hash(inner, innerDigest);
    return Bun.SHA256.hash(outer, "hex");
  };
}
