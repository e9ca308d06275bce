/**
 * Entries on their way to a part, as text: a head, and for files the JSON of their extents, kept apart since the numbers
 * of objects in it change with the part that an entry is in. The state database numbers objects by its own ids.
 */

import { count, parseAs } from "../lines/lines.ts";
import type { Entry, Extent, FileEntry } from "./entry.ts";
import { decodeContinued, decodeEntry, type EntryHead, encodeHead, fileState } from "./entry-json.ts";
import type { ContinuedFile } from "./segment.ts";

/** JSON of a list of extents, as `encodeExtents` writes it. */
export type ExtentsText = string;

export function encodeExtents(extents: readonly Extent[]): ExtentsText {
  return JSON.stringify(extents.map((e) => [e.object, e.frameOffset, e.frameLength, e.offset, e.length, e.sha256]));
}

/** Returns an entry's line in a part. `extents`: null for all but files. */
export function entryLine(head: EntryHead, extents: ExtentsText | null): string {
  return extents === null ? head : `${head.slice(0, -1)},"dat":${extents}}`;
}

/** Returns the entry of a head and its extents, checked. Throws a FormatError. */
export function decodeRow(head: EntryHead, extents: ExtentsText | null): Entry {
  return decodeEntry(JSON.parse(entryLine(head, extents)));
}

/** Returns whether a head is that of a folder. */
export function isFolderHead(head: EntryHead): boolean {
  return head.startsWith(folderStart);
}

const folderStart = '{"typ":"d",';

/** The part of a file's head that is known from reading the file: it stays when owner, mode and the like are looked at again. */
export type FileState = Pick<FileEntry, "holes" | "warnings" | "continued">;

function fileStateOf(head: EntryHead): FileState {
  const state = parseAs(fileState, JSON.parse(head), "the head of a file");
  const { holes = [], w: warnings = [] } = state;
  const continued = decodeContinued(state);
  return { holes, warnings, ...(continued !== undefined && { continued }) };
}

/** Returns what the head of a file says of its segments; undefined for any other head. */
export function continuedIn(head: EntryHead): Pick<ContinuedFile, "size" | "continued"> | undefined {
  // Text in it may look so, too.
  if (!head.includes(continuedMark)) return undefined;
  const json = parseAs(sizedState, JSON.parse(head), "the head of a file");
  const continued = decodeContinued(json);
  return continued && { size: json.size ?? 0, continued };
}

const continuedMark = '"segments_sha256":';
const sizedState = fileState.extend({ size: count.optional() });

/** Returns a file's head with what a new look at it shows, and the holes and warnings that it had. */
export function refreshedFileHead(head: EntryHead, look: Omit<FileEntry, "extents" | keyof FileState>): EntryHead {
  return encodeHead({ ...look, ...fileStateOf(head) });
}
