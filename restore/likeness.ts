/**
 * A digest of what an entry says about the file itself, without its path and the place of its content. It is the same for
 * all names of one file. The `id` of an entry alone proves nothing.
 */
import type { Entry } from "../core/format/entry.ts";
import { sha256 } from "../core/format/sha256.ts";

/** SHA-256, hex. Equal for entries that differ in nothing but their path, warnings, and the place of their content. */
export function likenessOf(entry: Entry): string {
  const { type, owner, mode, modified, acl, xattrs } = entry;
  const attributes = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString("base64")]).sort();
  const times = [modified.seconds, modified.nanoseconds];
  const common = [type, owner.user, owner.uid, owner.group, owner.gid, mode, times, acl?.access, attributes];
  return sha256(Buffer.from(JSON.stringify([common, ownOf(entry)])));
}

function ownOf(entry: Entry): unknown[] {
  switch (entry.type) {
    case "file":
      return [entry.size, entry.holes, entry.extents.map(({ length, sha256 }) => [length, sha256])];
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
