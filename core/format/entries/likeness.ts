/**
 * A digest of what an entry says about the file itself, without its path and the place of its content. It is the same for
 * all names of one file: `archive` records a hard link, and `restore` makes it, only between entries that are alike. The
 * `id` of an entry alone proves nothing.
 */

import { sha256 } from "../sha256.ts";
import type { Extent } from "./entry.ts";
import type { HeadEntry } from "./entry-json.ts";

/** Bytes of a file, as far as comparing needs them; empty for anything but files. */
export type AlikeContent = readonly Pick<Extent, "length" | "sha256">[];

/** SHA-256, hex. Equal for entries that differ in nothing but their path, warnings, and the place of their content. */
export function likenessOf(entry: HeadEntry, content: AlikeContent): string {
  const { type, owner, mode, modified, acl, xattrs } = entry;
  const attributes = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString("base64")]).sort();
  const times = [modified.seconds, modified.nanoseconds];
  const common = [type, owner.user, owner.uid, owner.group, owner.gid, mode, times, acl?.access, attributes];
  const pieces = content.map((one) => [one.length, one.sha256]);
  return sha256(Buffer.from(JSON.stringify([common, ownOf(entry), pieces])));
}

function ownOf(entry: HeadEntry): unknown[] {
  switch (entry.type) {
    case "file":
      return [entry.size, entry.holes, ...(entry.continued === undefined ? [] : [entry.continued.sha256])];
    case "link":
      return [entry.target];
    case "character device":
    case "block device":
      return [entry.major, entry.minor];
    case "fifo":
    case "folder":
      return [];
  }
}
