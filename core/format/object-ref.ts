/** How a stored object is named in parts, index objects and manifest roots, and what of it may be referred to. */
import { z } from "zod";
import type { Encoding, ObjectRef } from "./entry.ts";
import { altered } from "./error.ts";
import { count } from "./lines.ts";

/** S3 allows keys and version ids of 1,024 bytes. */
const s3Name = z.string().min(1).max(1024);
const encoding = z.enum(["frames", "zstd", "gzip", "none"]) satisfies z.ZodType<Encoding>;

export const versionShape = { key: s3Name, version: s3Name } as const;
export const storedShape = { ...versionShape, size: count } as const;
export const objectShape = { ...storedShape, encoding } as const;

/** A frame lies within its object; an object of any other encoding than `frames` is one frame, the whole of it. */
export function checkFrameWithin(ref: Pick<ObjectRef, "key" | "size" | "encoding">, offset: number, length: number) {
  if (length === 0 || offset + length > ref.size) throw altered(`a frame lies outside of ${JSON.stringify(ref.key)}`);
  if (ref.encoding !== "frames" && length !== ref.size) {
    throw altered(`${JSON.stringify(ref.key)} has no frames, but a part of it is referred to`);
  }
}
