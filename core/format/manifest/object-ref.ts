/** References to stored objects in parts, index objects and manifest roots, and what they may refer to. */
import { z } from "zod";
import { isEncoding, isPack } from "../codecs/encoding.ts";
import type { ObjectRef, PartEntry } from "../entries/entry.ts";
import { altered } from "../error.ts";
import { count } from "../lines/lines.ts";

/** S3 allows keys of 1,024 bytes. */
const s3Key = z.string().min(1).max(1024);
/**
 * Servers give short ones, of 32 characters mostly. Anything else in a manifest was made up: asked for it, some servers answer with an
 * error of their own, as if they were down.
 */
const version = /^[!-~]{1,256}$/;
const s3Version = z.string().regex(version);

/** Returns whether readers accept it as the version of an object. */
export function isVersion(text: string): boolean {
  return version.test(text);
}

const encoding = z.string().refine(isEncoding, "no encoding that this sysbackup knows");
/** The encoding of a dump. */
export const wholeEncoding = encoding.refine((known) => !isPack(known), "a dump is no pack");

export const versionShape = { key: s3Key, version: s3Version } as const;
export const storedShape = { ...versionShape, size: count } as const;
export const objectShape = { ...storedShape, encoding } as const;

/**
 * Checks that a frame lies within its pack; any other object is one frame, the whole of it. How large a pack is under its
 * filters is not known here: readers of its frames find that out.
 */
export function checkFrameWithin(ref: Pick<ObjectRef, "key" | "size" | "encoding">, offset: number, length: number) {
  const { key, size, encoding } = ref;
  const isBeyond = offset + length > size && (encoding === "frames" || !isPack(encoding));
  if (length === 0 || isBeyond) throw altered(`a frame lies outside of ${JSON.stringify(key)}`);
  if (!isPack(encoding) && length !== size) {
    throw altered(`${JSON.stringify(key)} has no frames, but a part of it is referred to`);
  }
}

/** Checks that a part has the object, numbered as an extent says, and that the frame lies in it. */
export function checkFrameOf(objects: readonly ObjectRef[], object: number, offset: number, length: number): void {
  const ref = objects[object];
  if (ref === undefined) throw altered(`an extent refers to object ${object}, which the part does not have`);
  checkFrameWithin(ref, offset, length);
}

export function checkExtents(entry: PartEntry, objects: readonly ObjectRef[]): void {
  if (entry.type !== "file" && entry.type !== "segment") return;
  for (const { object, frameOffset, frameLength } of entry.extents) {
    checkFrameOf(objects, object, frameOffset, frameLength);
  }
}
