/** Makes the manifest entry of a path from what the system reports of it. */
import type { Common, Continued, FileWarning, Hole } from "../../../format/entries/entry.ts";
import { type EntryHead, encodeReadableHead, type HeadEntry } from "../../../format/entries/entry-json.ts";
import { refreshedFileHead } from "../../../format/entries/entry-row.ts";
import { FormatError } from "../../../format/error.ts";
import type { ByteString } from "../../../format/path.ts";
import { readLinkOf } from "../../../system/files/handle.ts";
import { fstat, type Stat } from "../../../system/filesystem/stat.ts";
import { readXattrsOfHandle, type Xattrs } from "../../../system/metadata/xattr.ts";
import { groupName, userName } from "../../../system/owners.ts";
import { LeftOut } from "./left-out.ts";
import { sameFile } from "./open-file.ts";

/** Stat and attributes of a file from the same moment. */
export type SeenFile = { readonly stat: Stat; readonly attributes: Xattrs };

export type FileDetails = {
  readonly size: number;
  readonly holes: readonly Hole[];
  readonly warnings: readonly FileWarning[];
  readonly continued?: Continued;
};

const mostLooks = 3;

/** Looks at a held file of any type. Looks again if it changed meanwhile, a limited number of times. */
export function lookAt(handle: number): SeenFile {
  for (let looks = 1; ; looks += 1) {
    const before = fstat(handle);
    const attributes = readXattrsOfHandle(handle);
    const stat = fstat(handle);
    if (sameFile(before, stat) || looks === mostLooks) return { stat, attributes };
  }
}

export function fileEntry(path: ByteString, look: SeenFile, details: FileDetails): HeadEntry {
  const entry = common(path, look);
  const { size, holes, warnings } = details;
  if (details.continued !== undefined || entry.flags !== undefined)
    return { type: "file", ...entry, ...details, hardLink: undefined };
  // Each field by its name, as of nearly all files: a spread takes many times as long.
  const { owner, mode, modified, acl, xattrs } = entry;
  return { type: "file", path, owner, mode, modified, acl, xattrs, size, holes, warnings, hardLink: undefined };
}

/** Returns the head of a file with unchanged content, with new owner, mode, times and attributes. */
export function refreshedHead(
  before: EntryHead,
  path: ByteString,
  seen: SeenFile,
  hardLink: ByteString | undefined,
): EntryHead {
  return refreshedFileHead(before, { type: "file", ...common(path, seen), size: seen.stat.size, hardLink });
}

/** Returns the head of anything but a file; undefined for sockets, which only the program that listens can make. */
export function otherEntry(path: ByteString, look: SeenFile, handle: number): HeadEntry | undefined {
  const { type, major, minor } = look.stat;
  switch (type) {
    case "socket":
    case "file":
      return undefined;
    case "folder":
    case "fifo":
      return { type, ...common(path, look) };
    case "link":
      return { type, ...common(path, look), target: readLinkOf(handle) };
    case "character device":
    case "block device":
      return { type, ...common(path, look), major, minor };
  }
}

/** Adds the first of a file's names, if it has several. */
export function withHardLink(entry: HeadEntry, hardLink: ByteString | undefined): HeadEntry {
  return hardLink === undefined || entry.type === "folder" ? entry : { ...entry, hardLink };
}

function common(path: ByteString, { stat, attributes }: SeenFile): Common {
  const { uid, gid, mode, modified, type } = stat;
  const flags = type === "file" || type === "folder" ? stat.flags : 0;
  const { acl, xattrs } = attributes;
  const owner = { user: userName(uid), group: groupName(gid), uid, gid };
  if (flags === 0) return { path, owner, mode, modified, acl, xattrs };
  return { path, owner, mode, modified, acl, xattrs, flags };
}

/**
 * Returns what the manifest says about an entry. Throws a LeftOut for what restore could not read, as it would take other entries of
 * its part with it.
 */
export function readableHead(entry: HeadEntry): EntryHead {
  try {
    return encodeReadableHead(entry);
  } catch (error) {
    throw error instanceof FormatError ? new LeftOut(`a manifest cannot describe it: ${error.message}`) : error;
  }
}
