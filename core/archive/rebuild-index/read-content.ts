/** Reads the object of one file, as the layout `objects` stores it. */
import type { BucketReader, Stored } from "../../bucket/contract.ts";
import { type CompressionName, compressionNames } from "../../format/codecs/codec.ts";
import { encodingOf } from "../../format/codecs/encoding.ts";
import { altered } from "../../format/error.ts";
import type { FoundObject } from "../../inventory/writer.ts";
import { ObjectReading } from "../../stored/read.ts";

/** `sha256`: of the stored bytes of a sealed object. */
export type FoundContent = FoundObject & { readonly sha256?: string };

/**
 * Reads all of it, in bounded memory. Undefined if it does not exist any more. Throws a FormatError unless the content has the SHA-256
 * `digest`, which is its chunk id too. Undefined for a sealed one, whose name nobody can check: what it holds is what counts.
 */
export async function readContentObject(
  bucket: Pick<BucketReader, "get" | "head">,
  { key, version, size }: Stored,
  filters: readonly string[],
  digest: string | undefined,
): Promise<FoundContent | undefined> {
  const info = await bucket.head(key, version);
  if (info === undefined) return undefined;
  const encoding = encodingOf(codecOf(info.metadata["storage-encoding"]), filters);
  const hash = new Bun.CryptoHasher("sha256");
  const stored = new Bun.CryptoHasher("sha256");
  let length = 0;
  await using reading = new ObjectReading(bucket, { key, version, encoding }, (piece) => stored.update(piece));
  for await (const piece of reading.content(Number.MAX_SAFE_INTEGER)) {
    hash.update(piece);
    length += piece.length;
  }
  await reading.rest();
  const found = hash.digest("hex");
  if (digest !== undefined && found !== digest) throw altered("its content does not have the SHA-256 of its name");
  const frames = [{ offset: 0, length: size, chunks: [[found, length] as [string, number]] }];
  return { encoding, frames, ...(digest === undefined && { sha256: stored.digest("hex") }) };
}

function codecOf(stated: string | undefined): CompressionName {
  const codec = compressionNames.find((name) => name === (stated ?? "none"));
  if (codec !== undefined) return codec;
  throw altered(`it is stored as ${JSON.stringify(stated)}, which this sysbackup cannot decode`);
}
