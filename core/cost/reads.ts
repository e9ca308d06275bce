/** Counts the requests that a restore makes for the content of one part of a manifest. */
import type { ObjectRef } from "../format/entries/entry.ts";

/** Frames that lie near each other come in one request of at most so many bytes, as in a restore. */
const widestGap = 512 * 1024;
const mostBytes = 8 * 1024 * 1024;

export type Reads = { readonly requests: number; readonly bytes: number };

/** `frames`: the length of each frame that is needed, by number of the object, then by first byte. */
export function readsOf(
  frames: ReadonlyMap<number, ReadonlyMap<number, number>>,
  objects: readonly Pick<ObjectRef, "encoding">[],
): Reads {
  let requests = 0;
  let bytes = 0;
  for (const [number, ofObject] of frames) {
    const sorted = [...ofObject].sort(([a], [b]) => a - b);
    if (objects[number]?.encoding !== "frames") requests += 1;
    let start = 0;
    let end = Number.NEGATIVE_INFINITY;
    for (const [offset, length] of sorted) {
      const joins = offset - end <= widestGap && offset + length - start <= mostBytes;
      // What lies between frames that are read together is read too.
      bytes += joins ? offset + length - end : length;
      if (!joins) start = offset;
      if (!joins && objects[number]?.encoding === "frames") requests += 1;
      end = offset + length;
    }
  }
  return { requests, bytes };
}
