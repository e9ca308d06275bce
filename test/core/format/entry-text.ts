/** Entries as the lines of a part, and in a shape that compares. */
import type { Entry } from "../../../core/format/entry.ts";
import { encodeExtents, encodeHead, withExtents } from "../../../core/format/entry-json.ts";

export function encodeEntry(entry: Entry): string {
  return entry.type === "file" ? withExtents(encodeHead(entry), encodeExtents(entry.extents)) : encodeHead(entry);
}

/** Attributes as sorted lists, so that a Buffer equals a Uint8Array. */
export function comparable(entry: Entry): unknown {
  const xattrs = [...entry.xattrs].map(([name, value]) => [name, Buffer.from(value).toString("hex")]).sort();
  return { ...entry, xattrs };
}
