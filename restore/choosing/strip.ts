/** Takes leading folders off the paths of entries, as `tar --strip-components` does. */

import type { PartEntry } from "../../core/format/entries/entry.ts";
import { segmentPath } from "../../core/format/entries/segment.ts";
import type { ByteString } from "../../core/format/path.ts";

/** Returns the path without its first `count` steps; undefined if it has no more than these. */
export function strippedPath(path: ByteString, count: number): ByteString | undefined {
  let start = 0;
  for (let left = count; left > 0; left -= 1) {
    start = path.indexOf("/", start + 1);
    if (start < 0) return undefined;
  }
  return path.slice(start) as ByteString;
}

/** Returns the entry as it is with a shorter path; undefined if nothing is left of it. */
export function strippedEntry(entry: PartEntry, count: number): PartEntry | undefined {
  if (count === 0) return entry;
  if (entry.type === "segment") {
    const file = strippedPath(entry.file, count);
    return file === undefined ? undefined : { ...entry, file, path: segmentPath(file, entry.from) };
  }
  const path = strippedPath(entry.path, count);
  if (path === undefined) return undefined;
  return entry.type === "folder" ? { ...entry, path } : { ...entry, path, ...firstName(entry, count) };
}

/** A first name of which nothing is left only tells which names are one file: it becomes a path that no entry has. */
function firstName({ hardLink }: { readonly hardLink?: ByteString | undefined }, count: number) {
  if (hardLink === undefined) return {};
  return { hardLink: strippedPath(hardLink, count) ?? (`/${hardLink}` as ByteString) };
}
