/** Reads index objects and verified objects. No filter is over them: they name no file, and every host that may share content reads them. */
import { decodeIndex, type IndexIdentity, type IndexLine } from "../format/index-object.ts";
import { decodeVerified } from "../format/verified-object.ts";
import { type ObjectSource, type ObjectVersion, readDocument } from "./read.ts";

/** An index object lists some 100,000 chunks, ten megabytes of text, at least every 4 GiB: none comes near this. */
const bounds = { stored: 256 * 1024 * 1024, content: 1024 * 1024 * 1024 } as const;

/** The lines as they come. Throws a FormatError if the object is damaged, or not `identity`: here, or at the line in question. */
export async function readIndexObject(
  bucket: ObjectSource,
  object: ObjectVersion,
  identity?: IndexIdentity,
): Promise<Iterable<IndexLine>> {
  return decodeIndex(await readDocument(bucket, object, bounds), identity);
}

/** Reads as `readIndexObject`. `run` is what the key says. */
export async function readVerifiedObject(
  bucket: ObjectSource,
  object: ObjectVersion,
  run: string,
): Promise<Iterable<IndexLine>> {
  return decodeVerified(await readDocument(bucket, object, bounds), run);
}
