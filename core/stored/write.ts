/**
 * Writes stored objects: every put of a root, a part, an index object, a pack, content or a dump comes here. The codec is
 * applied first, then the filters over the whole object; these add their suffixes to the key and their names to the
 * encoding.
 */
import type { BucketWriter, PutOptions, Retention, Stored } from "../bucket/contract.ts";
import { type PartPlan, putStream } from "../bucket/stream.ts";
import {
  type Codec,
  type CodecName,
  type ContentCodec,
  codecNamed,
  contentCodec,
  type Filter,
  filterNamed,
  statedCodec,
} from "../format/codecs/codec.ts";
import { type Encoding, encodingOf, suffixOf } from "../format/codecs/encoding.ts";
import type { ByteStream } from "../format/codecs/zlib.ts";
import { sha256 } from "../format/sha256.ts";
import type { BundleClass } from "../format/storage-class.ts";
import { collect, gatherFiltered, once } from "./bytes.ts";

/** The place that objects go to, and what is done to each of them. */
export type WriteTarget = {
  readonly bucket: Pick<BucketWriter, "put" | "startUpload">;
  readonly retention: Retention;
  /** Names of the filters over each object, in the order in which they are applied. */
  readonly filters: readonly string[];
};

type NewObject = {
  readonly codec: CodecName;
  /** Level of compression, if not the codec's usual one. */
  readonly level?: number;
  readonly metadata?: Readonly<Record<string, string>>;
};

export type NewBytes = NewObject & {
  readonly content: Uint8Array;
  /** Without the suffixes of filters. */
  readonly key: string;
};

export type NewHashedBytes = NewObject & {
  readonly content: Uint8Array;
  /** Gives the key, without the suffixes of filters, for the SHA-256 of the stored bytes in hex. */
  readonly keyOf: (sha256: string) => string;
  /** SHA-256 of the content in hex, if it is known already. */
  readonly contentSha256?: string;
  /** Memory for what filters make of the content, in use until the promise resolves. If the content is the end of it, it is overwritten. */
  readonly memory?: Uint8Array | undefined;
};

export type NewStream = NewObject & {
  readonly codec: ContentCodec;
  readonly content: ByteStream;
  /** Without the suffixes of filters. */
  readonly key: string;
  /** Is read when the object is begun: when all of a small one has come, or the first 8 MiB of a larger one. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly storageClass?: BundleClass;
  /** Gets what the codec makes, in pieces, before it is filtered. */
  readonly onEncoded?: (piece: Uint8Array) => void;
  /** How it is cut into parts, if not as usual. */
  readonly plan?: PartPlan;
};

export type WrittenObject = Stored & { readonly encoding: Encoding };
/** `sha256`: of the stored bytes, in hex. */
export type WrittenHashed = WrittenObject & { readonly sha256: string };

/** Stores content that is in memory, and is the caller's again when the promise resolves. Errors are those of `put`. */
export async function writeBytes(target: WriteTarget, { key, metadata, ...object }: NewBytes): Promise<WrittenObject> {
  const options = { retention: target.retention, ...(metadata !== undefined && { metadata }) };
  return put(target, key, await encoded(target, object), object.codec, options);
}

/** Stores as `writeBytes` does an object that is named by the hash of what is stored. */
export async function writeHashed(target: WriteTarget, object: NewHashedBytes): Promise<WrittenHashed> {
  const { keyOf, content, contentSha256, codec, metadata } = object;
  const stored = await encoded(target, object);
  const digest = (stored === content ? contentSha256 : undefined) ?? sha256(stored);
  const options = { retention: target.retention, sha256: digest, ...(metadata !== undefined && { metadata }) };
  return { ...(await put(target, keyOf(digest), stored, codec, options)), sha256: digest };
}

/** Stores content of any size in bounded memory. On any error, also one of the content, nothing is stored. */
export async function writeStream(target: WriteTarget, object: NewStream): Promise<WrittenHashed> {
  const { bucket, retention, filters } = target;
  const codec = contentCodec(object.codec);
  let stored = codec.encode(object.content, object.level ?? usualLevel(codec));
  if (object.onEncoded !== undefined) stored = watched(stored, object.onEncoded);
  for (const name of filters) stored = filterNamed(name).encode(stored, 0);
  const options = {
    retention,
    storageClass: object.storageClass,
    get metadata() {
      return object.metadata;
    },
  };
  const written = await putStream(bucket, object.key + suffixOf(filters), stored, options, object.plan);
  return { ...written, encoding: statedBy(object.codec, filters) };
}

async function* watched(pieces: ByteStream, onPiece: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    onPiece(piece);
    yield piece;
  }
}

async function encoded(
  { filters }: WriteTarget,
  object: NewObject & Pick<NewHashedBytes, "content" | "memory">,
): Promise<Uint8Array> {
  const codec = codecNamed(object.codec);
  let stored = await encodeWhole(codec, object.content, object.level ?? usualLevel(codec));
  for (const [number, name] of filters.entries())
    stored = await filtered(filterNamed(name), stored, number === filters.length - 1 ? object.memory : undefined);
  return stored;
}

function filtered(filter: Filter, content: Uint8Array, memory: Uint8Array | undefined): Promise<Uint8Array> {
  const room = memory ?? Buffer.allocUnsafeSlow(sizeOfFiltered(content.length));
  return filter.whole?.encode(content, 0) ?? gatherFiltered((bytes) => filter.encode(bytes, 0), content, room);
}

/** Returns about how many bytes filters make of so many. */
export function sizeOfFiltered(bytes: number): number {
  return bytes + Math.ceil(bytes / 1024) + 1024;
}

function usualLevel({ levels }: Codec): number {
  return levels?.usual ?? 0;
}

function encodeWhole(codec: Codec, content: Uint8Array, level: number): Promise<Uint8Array> {
  if (!codec.streaming) return codec.whole.encode(content, level);
  return codec.whole?.encode(content, level) ?? collect(codec.encode(once(content), level), Number.POSITIVE_INFINITY);
}

async function put(
  { bucket, filters }: WriteTarget,
  key: string,
  stored: Uint8Array,
  codec: CodecName,
  options: PutOptions,
): Promise<WrittenObject> {
  const written = await bucket.put(key + suffixOf(filters), stored, options);
  return { ...written, encoding: statedBy(codec, filters) };
}

function statedBy(codec: CodecName, filters: readonly string[]): Encoding {
  return encodingOf(statedCodec(codec), filters);
}
