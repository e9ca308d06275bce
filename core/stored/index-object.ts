/** Reads index objects and verified objects. No filter is over them: they name no file, and every host that may share content reads them. */
import { decodeIndex, type IndexIdentity, type IndexLine, mostIndexBytes } from "../format/index/index-object.ts";
import { decodeVerified } from "../format/index/verified-object.ts";
import { type ObjectSource, type ObjectVersion, streamDocument } from "./read.ts";

/**
 * Yields lines as they come. Throws a FormatError if the object is damaged, or not `identity`, at the end at the latest: believe no
 * line before.
 */
export function readIndexObject(
  bucket: ObjectSource,
  object: ObjectVersion,
  identity?: IndexIdentity,
): AsyncGenerator<IndexLine> {
  return decodeIndex(streamDocument(bucket, object, { most: mostIndexBytes }), identity);
}

/** Reads as `readIndexObject`. `run` is what the key says. */
export function readVerifiedObject(
  bucket: ObjectSource,
  object: ObjectVersion,
  run: string,
): AsyncGenerator<IndexLine> {
  return decodeVerified(streamDocument(bucket, object, { most: mostIndexBytes }), run);
}
