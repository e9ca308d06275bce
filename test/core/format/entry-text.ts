/** Entries as the lines of a part, and in a shape that compares. */
import type { Entry, PartEntry } from "../../../core/format/entries/entry.ts";
import { encodeHead } from "../../../core/format/entries/entry-json.ts";
import { encodeExtents, entryLine } from "../../../core/format/entries/entry-row.ts";

export function encodeEntry(entry: Entry): string {
  return entryLine(encodeHead(entry), entry.type === "file" ? encodeExtents(entry.extents) : null);
}

/** Attributes as sorted lists, so that a Buffer equals a Uint8Array. */
export function comparable(entry: PartEntry): unknown {
  if (entry.type === "segment") return entry;
  const xattrs = [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value).toString("hex")]).sort();
  return { ...entry, xattrs };
}
