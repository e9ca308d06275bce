/** Entries as they are kept between runs: head and extents apart. */
import type { Entry } from "./entry.ts";
import { decodeEntry, type EntryHead, withExtents } from "./entry-json.ts";

/** `extents` is the JSON of their list, null for anything but files. Throws a FormatError if this is no entry. */
export function decodeRow(head: EntryHead, extents: string | null): Entry {
  return decodeEntry(JSON.parse(extents === null ? head : withExtents(head, extents)));
}
