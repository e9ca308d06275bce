/**
 * Reads stored objects: every get of a root, a part, an index object, a pack, content or a dump comes here. Each reader
 * states how many bytes it takes at most, so hostile objects never fill the memory.
 */
import type { BucketReader, Range } from "../bucket/contract.ts";
import { readAll } from "../bucket/stream.ts";
import { contentCodec, decodeText, type Filter, filterNamed } from "../format/codecs/codec.ts";
import { codecOf, type Encoding, filtersOf, isReadInRanges, splitKey } from "../format/codecs/encoding.ts";
import { contentOfFrame } from "../format/codecs/frame-stream.ts";
import type { ByteStream } from "../format/codecs/zlib.ts";
import { FormatError } from "../format/error.ts";
import { beginning, bounded, checked, collect, cut, once } from "./bytes.ts";
import { Unending } from "./unending.ts";

/** What manifests of s3-sysbackup do not say is asked for, if the reader has more than `get`. */
export type ObjectSource = Pick<BucketReader, "get"> & Partial<Pick<BucketReader, "head" | "listVersions">>;

/** Without `version`, the newest, which may be anyone's. */
export type ObjectVersion = { readonly key: string; readonly version?: string | undefined };

/** `stored`: bytes in the bucket; `content`: what they become. */
export type Bounds = { readonly stored: number; readonly content: number };

type ContentRef = { readonly key: string; readonly version: string; readonly encoding: Encoding };

/**
 * Returns bytes as they are stored: those up to `size` if it is given, else all. More than `most` are `damaged`, and so is what
 * changed since it was put.
 */
export function readStored(
  bucket: ObjectSource,
  { key, version, size }: ObjectVersion & { readonly size?: number },
  most: number,
): Promise<Uint8Array> {
  const range = size === undefined ? {} : { range: { start: 0, length: size } };
  return readAll(bucket.get(key, { ...(version !== undefined && { version }), ...range, unchanged: true }), most);
}

/**
 * Returns the text of a root, a part or an index object. Its key, or the name of its file, says which filters are over it.
 * Throws a FormatError if it is corrupt or longer than it may be.
 */
export async function decodeDocument(stored: Uint8Array, key: string, bounds: Bounds): Promise<Uint8Array> {
  const { filters } = splitKey(key);
  return decodeText(await unfiltered(stored, filters, bounds.stored), bounds.content);
}

/** `admit` is called with the size of a text, and waited for, before it is decompressed. */
export type TextBounds = { readonly most: number; readonly admit?: (size: number) => Promise<void> };

/** Yields the text of a root or an index object in pieces. Throws a FormatError if it is corrupt or longer than it may be. */
export function streamDocument(bucket: ObjectSource, { key, version }: ObjectVersion, bounds: TextBounds): ByteStream {
  const stored = bucket.get(key, { ...(version !== undefined && { version }), unchanged: true });
  return decodeStream(stored, key, bounds);
}

/** Decodes as `streamDocument`. `name`: the key, or the name of the file. */
export function decodeStream(stored: ByteStream, name: string, { most, admit }: TextBounds): ByteStream {
  const { filters } = splitKey(name);
  // What cannot be compressed takes a little more than itself.
  const bytes = bounded(stored, most + most / 8);
  return contentOfFrame(
    filters.toReversed().reduce<ByteStream>((content, filter) => filterNamed(filter).decode(content), bytes),
    most,
    admit,
  );
}

/** Yields the first `most` bytes of content, or all if there are fewer. The content of a pack is its frames as they are. */
export function readContent(bucket: ObjectSource, object: ContentRef, most: number): ByteStream {
  const { key, version, encoding } = object;
  return cut(decoded(bucket.get(key, { version }), encoding), 0, most);
}

/** Reads as `readContent`. Throws a FormatError, at the end at the latest, if the stored bytes are not those that were put. */
export function readCheckedContent(
  bucket: ObjectSource,
  object: ContentRef & { readonly size: number; readonly sha256: string },
  most: number,
): ByteStream {
  const { key, version, encoding, size, sha256 } = object;
  return cut(decoded(checked(bucket.get(key, { version }), size, sha256), encoding), 0, most);
}

/** Yields bytes of a pack's frames. If it has filters, all bytes before these are read as well. */
export function readRange(bucket: ObjectSource, object: ContentRef, range: Range): ByteStream {
  const { key, version, encoding } = object;
  if (isReadInRanges(encoding)) return bucket.get(key, { version, range });
  return cut(decoded(bucket.get(key, { version }), encoding), range.start, range.length);
}

/** Stored bytes up to which an object is decoded at once, which is faster. */
const mostAtOnce = 256 * 1024;

/** Reads as `readContent`, in one piece. `size`: of the stored object; one that is larger is `damaged`. */
export async function readBeginning(
  bucket: ObjectSource,
  object: ContentRef & { readonly size: number },
  most: number,
): Promise<Uint8Array> {
  if (object.size > mostAtOnce) return beginning(readContent(bucket, object, most), most);
  const { encoding, size } = object;
  const stored = await readStored(bucket, { key: object.key, version: object.version }, size);
  try {
    return await decodeWhole(
      contentCodec(codecOf(encoding)),
      await unfiltered(stored, filtersOf(encoding), size),
      most,
    );
  } catch (error) {
    // It may be longer than what is wanted of it, or corrupt behind that.
    if (error instanceof FormatError) return beginning(decoded(once(stored), encoding), most);
    throw error;
  }
}

/**
 * Reads an object once: its content, and then the rest of its stored bytes, for callers that hash them on the way. Ends the
 * bucket's stream when it is disposed of, however much was read.
 */
export class ObjectReading implements AsyncDisposable {
  readonly #stored: Unending;
  readonly #encoding: Encoding;

  /** `onStored` is called with each piece of the stored bytes. */
  constructor(bucket: ObjectSource, { key, version, encoding }: ContentRef, onStored: (piece: Uint8Array) => void) {
    this.#stored = new Unending(bucket.get(key, { version }), onStored);
    this.#encoding = encoding;
  }

  /** Reads as `readContent`. Call once. */
  content(most: number): ByteStream {
    return cut(decoded(this.#stored, this.#encoding), 0, most);
  }

  /** Reads to the end, whatever was read of the content. */
  async rest(): Promise<void> {
    for await (const _ of this.#stored);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stored[Symbol.asyncDispose]();
  }
}

/** Reads a text as `streamDocument` does, and the rest of its stored bytes if the text is not what it should be. */
export class DocumentReading implements AsyncDisposable {
  readonly text: ByteStream;
  readonly #most: number;
  readonly #stored: Unending;

  constructor(bucket: ObjectSource, { key, version }: ObjectVersion, bounds: TextBounds) {
    this.#stored = new Unending(bucket.get(key, { ...(version !== undefined && { version }), unchanged: true }));
    this.text = decodeStream(this.#stored, key, bounds);
    this.#most = bounds.most;
  }

  /** Throws as `get` does: `damaged` if the bucket does not have the bytes that were put. */
  async rest(): Promise<void> {
    for await (const _ of bounded(this.#stored, this.#most));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stored[Symbol.asyncDispose]();
  }
}

function decoded(stored: ByteStream, encoding: Encoding): ByteStream {
  const filters = filtersOf(encoding).toReversed();
  const content = filters.reduce((bytes, name) => filterNamed(name).decode(bytes), stored);
  return contentCodec(codecOf(encoding)).decode(content);
}

async function unfiltered(stored: Uint8Array, filters: readonly string[], most: number): Promise<Uint8Array> {
  let bytes = stored;
  for (const name of filters.toReversed()) bytes = await decodeWhole(filterNamed(name), bytes, most);
  return bytes;
}

function decodeWhole(codec: Filter, stored: Uint8Array, most: number): Promise<Uint8Array> {
  return codec.whole?.decode(stored, most) ?? collect(codec.decode(once(stored)), most);
}
