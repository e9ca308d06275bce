/**
 * What machines say of stored chunks in a table that they share: an item for each chunk, and one for each object that chunks lie in. The
 * key of each begins with who says it, as keys in the bucket do, so that policies can limit who may put it: `index/<name>/` or `verified/`.
 */
import { z } from "zod";
import { isEncoding, isPack } from "../codecs/encoding.ts";
import { maxFrameContent } from "../codecs/frame.ts";
import type { ObjectRef } from "../entries/entry.ts";
import { FormatError } from "../error.ts";
import { isContentKey, mayBeContentKey, prefixes } from "../keys/keys.ts";
import { count, isoTime, sha256Hex } from "../lines/lines.ts";
import { checkFrameWithin, versionShape } from "../manifest/object-ref.ts";
import type { IndexedObject } from "./index-object.ts";

/** A backup name, or what a reader has read. */
export type ChunkSource = { readonly name: string } | "verified";

export function prefixOfSource(source: ChunkSource): string {
  return source === "verified" ? prefixes.verified : prefixes.indexOf(source.name);
}

/** Keys of items. */
export const sharedKeys = {
  chunk: (source: ChunkSource, id: string) => `${prefixOfSource(source)}chunk/${id}`,
  object: (source: ChunkSource, { key, version }: ObjectVersionRef) =>
    `${prefixOfSource(source)}object/${key}@${version}`,
  /** Says up to which key all index objects, or verified objects, are in the table. */
  published: (source: ChunkSource) => `${prefixOfSource(source)}published`,
} as const;

type ObjectVersionRef = Pick<ObjectRef, "key" | "version">;

/** Where a chunk lies. `offset` and `length` are in the content of the frame. */
export type SharedChunk = ObjectVersionRef & {
  readonly frameOffset: number;
  readonly frameLength: number;
  readonly offset: number;
  readonly length: number;
};

export type SharedObject = Pick<IndexedObject, "size" | "encoding" | "retain_until" | "sha256">;

const chunkItem = z.object({
  ...versionShape,
  // The object's item is asked for under it: DynamoDB refuses a batch with a key of more than 2,048 bytes, and so all in it.
  key: versionShape.key.refine(mayBeContentKey),
  frame_offset: count,
  frame_length: count,
  offset: count,
  length: count,
});
const objectItem = z.object({
  size: count,
  encoding: z.string().refine(isEncoding),
  retain_until: isoTime,
  /** Absent if the key says it. */
  sha256: sha256Hex.optional(),
});

export const chunkAttributes: readonly string[] = Object.keys(chunkItem.shape);
export const objectAttributes: readonly string[] = Object.keys(objectItem.shape);

export function encodeChunk({ key, version, frameOffset, frameLength, offset, length }: SharedChunk) {
  return { key, version, frame_offset: frameOffset, frame_length: frameLength, offset, length };
}

export function encodeObject({ size, encoding, retain_until, sha256 }: SharedObject) {
  return { size, encoding, retain_until, ...(sha256 !== undefined && { sha256 }) };
}

/** Returns undefined for what is not as `encodeChunk` makes it: anybody with the right to put may have put it. */
export function decodeChunk(attributes: unknown): SharedChunk | undefined {
  const { success, data } = chunkItem.safeParse(attributes);
  if (!success || data.length === 0) return undefined;
  const { frame_offset: frameOffset, frame_length: frameLength, ...rest } = data;
  return { ...rest, frameOffset, frameLength };
}

/** Returns undefined for what is not as `encodeObject` makes it. */
export function decodeObject(attributes: unknown): SharedObject | undefined {
  const { success, data } = objectItem.safeParse(attributes);
  return success ? data : undefined;
}

/** Returns whether a chunk can lie where it is said to be. */
export function mayLieIn(chunk: SharedChunk, { size, encoding }: SharedObject): boolean {
  const { key, frameOffset, frameLength, offset, length } = chunk;
  if (!isContentKey(key, encoding)) return false;
  if (isPack(encoding) ? offset + length > maxFrameContent : offset > 0) return false;
  try {
    checkFrameWithin({ key, size, encoding }, frameOffset, frameLength);
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}
