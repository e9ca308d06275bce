/** The manifest entry of what lies at a path, from what the system says of it. */
import type { Common, FileWarning, Hole } from "../../../format/entry.ts";
import { type EntryHead, encodeHead } from "../../../format/entry-json.ts";
import { refreshedFileHead } from "../../../format/entry-row.ts";
import type { ByteString } from "../../../format/path.ts";
import { groupName, userName } from "../../../system/owners.ts";
import { readLink, type Stat } from "../../../system/stat.ts";
import { readXattrs } from "../../../system/xattr.ts";

export type FileDetails = {
  readonly size: number;
  readonly holes: readonly Hole[];
  readonly hardLink: ByteString | undefined;
  readonly warnings: readonly FileWarning[];
};

/** `handle`: the open file, or the path itself. */
export function fileHead(path: ByteString, stat: Stat, handle: number | ByteString, details: FileDetails): EntryHead {
  return encodeHead({ type: "file", ...common(path, stat, handle), ...details });
}

/** The head of an unchanged file, with its owner and all else that can be seen from outside looked at again. */
export function refreshedHead(
  before: EntryHead,
  path: ByteString,
  stat: Stat,
  hardLink: ByteString | undefined,
): EntryHead {
  return refreshedFileHead(before, { type: "file", ...common(path, stat, path), size: stat.size, hardLink });
}

/** For everything but files; undefined for sockets, which only the program that listens can make. */
export function otherHead(path: ByteString, stat: Stat, hardLink: ByteString | undefined): EntryHead | undefined {
  switch (stat.type) {
    case "socket":
    case "file":
      return undefined;
    case "folder":
      return encodeHead({ type: "folder", ...common(path, stat, path) });
    case "fifo":
      return encodeHead({ type: "fifo", ...common(path, stat, path), hardLink });
    case "link":
      return encodeHead({ type: "link", ...common(path, stat, path), hardLink, target: readLink(path) });
    case "character device":
    case "block device":
      return encodeHead({
        type: stat.type,
        ...common(path, stat, path),
        hardLink,
        major: stat.major,
        minor: stat.minor,
      });
  }
}

function common(path: ByteString, stat: Stat, handle: number | ByteString): Common {
  const { acl, xattrs } = readXattrs(handle);
  return {
    path,
    owner: { user: userName(stat.uid), group: groupName(stat.gid), uid: stat.uid, gid: stat.gid },
    mode: stat.mode,
    modified: stat.modified,
    acl,
    xattrs,
  };
}
