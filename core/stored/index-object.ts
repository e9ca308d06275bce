/** Reads index objects. No filter is over them: they name no file, and every host that may share content reads them. */
import { decodeIndex, type IndexLine, mostIndexBytes } from "../format/index-object.ts";
import { type ObjectSource, type ObjectVersion, streamDocument } from "./read.ts";

/** Yields lines as they come. Throws a FormatError if the object is damaged, at the end at the latest: believe none before. */
export function readIndexObject(bucket: ObjectSource, object: ObjectVersion): AsyncGenerator<IndexLine> {
  return decodeIndex(streamDocument(bucket, object, { most: mostIndexBytes }));
}
