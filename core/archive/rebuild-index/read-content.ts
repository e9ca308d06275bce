/** Reads the object of one file, as the layout `objects` stores it. */
import type { BucketReader, Stored } from "../../bucket/contract.ts";
import { type CompressionName, compressionNames } from "../../format/codec.ts";
import { encodingOf } from "../../format/encoding.ts";
import { altered } from "../../format/error.ts";
import type { FoundObject } from "../../inventory/writer.ts";
import { readContent } from "../../stored/read.ts";

/**
 * Reads all of it, in bounded memory. Undefined if it does not exist any more. Throws a FormatError unless the content has
 * the SHA-256 `digest`, which is its chunk id too.
 */
export async function readContentObject(
  bucket: Pick<BucketReader, "get" | "head">,
  { key, version, size }: Stored,
  filters: readonly string[],
  digest: string,
): Promise<FoundObject | undefined> {
  const info = await bucket.head(key, version);
  if (info === undefined) return undefined;
  const encoding = encodingOf(codecOf(info.metadata["storage-encoding"]), filters);
  const hash = new Bun.CryptoHasher("sha256");
  let length = 0;
  for await (const piece of readContent(bucket, { key, version, encoding }, Number.MAX_SAFE_INTEGER)) {
    hash.update(piece);
    length += piece.length;
  }
  if (hash.digest("hex") !== digest) throw altered("its content does not have the SHA-256 of its name");
  return { encoding, frames: [{ offset: 0, length: size, chunks: [[digest, length]] }] };
}

function codecOf(stated: string | undefined): CompressionName {
  const codec = compressionNames.find((name) => name === (stated ?? "none"));
  if (codec !== undefined) return codec;
  throw altered(`it is stored as ${JSON.stringify(stated)}, which this sysbackup cannot decode`);
}
