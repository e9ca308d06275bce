/**
 * Dumps that lie in chunks. Each is an entry, as a file is, in parts of their own; a root names these parts beside those of its files.
 * What is not known of a pipe, such as its owner, is the same in every run, so that the same dumps give the same parts.
 */

import { type ByteString, fromText } from "../path.ts";
import type { Continued } from "./entry.ts";
import { type EntryHead, encodeHead } from "./entry-json.ts";

/** Folder of the entries of dumps, and of fetched dumps in the target of a restore. */
export const dumpsFolder = "/sysbackup-snapshots" as ByteString;

/** Bytes of an extent of a dump at most: readers hold some in memory. */
export const longestDumpExtent = 4 * 1024 * 1024;

/** Returns the path of a dump's entry. */
export function dumpPath(snapshotter: string): ByteString {
  return fromText(`${dumpsFolder}/${snapshotter}`);
}

/** Returns the head of a dump's entry. */
export function dumpHead(path: ByteString, size: number, continued: Continued | undefined): EntryHead {
  return encodeHead({
    type: "file",
    path,
    owner: { user: undefined, group: undefined, uid: 0, gid: 0 },
    mode: 0o600,
    modified: { seconds: 0, nanoseconds: 0 },
    acl: undefined,
    xattrs: new Map(),
    size,
    holes: [],
    hardLink: undefined,
    warnings: [],
    ...(continued !== undefined && { continued }),
  });
}
