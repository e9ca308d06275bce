/** Formats entries of a backup: as a line of `ls -l`, and as JSON. */

import { z } from "zod";
import type { Moment } from "../../core/format/entries/entry.ts";
import { encodeHead, type HeadEntry } from "../../core/format/entries/entry-json.ts";
import { bytes, moment } from "../terminal/format.ts";
import { modeText } from "../terminal/mode.ts";
import { shownPath, shownWord } from "./shown-path.ts";

const momentWidth = "2026-11-21 02:00:03 UTC".length;
const noTime = "-".padEnd(momentWidth);

/** Width of owners and sizes, as far as they fit: lines are printed as they come. */
const widths = { owner: 17, size: 9 } as const;

/** What is known beside the entry. */
export type EntryFacts = {
  /** Bytes of what lies below a folder. */
  readonly size?: number | undefined;
  /** Whether the manifest has no times: those of s3-sysbackup. */
  readonly timeless?: boolean;
};

/** Mode, owner, size and time. */
export function entryText(entry: HeadEntry, { size, timeless = false }: EntryFacts = {}): string {
  const { owner, mode, type } = entry;
  const who = `${ownerText(owner.user ?? owner.uid)} ${ownerText(owner.group ?? owner.gid)}`;
  const large = sizeText(entry, size).padStart(widths.size);
  return `${modeText(type, mode)} ${who.padEnd(widths.owner)} ${large} ${timeless ? noTime : momentText(entry.modified)}`;
}

/** Names of owners are anyone's: with spaces in them, they could look like other columns. */
function ownerText(owner: string | number): string {
  return typeof owner === "string" ? shownWord(owner) : String(owner);
}

/** The line of a folder that has no entry. */
export function plainFolderText(size: number): string {
  return `d????????? ${"".padEnd(widths.owner)} ${bytes(size).padStart(widths.size)} ${"".padEnd(momentWidth)}`;
}

/** Its path, and where it leads. */
export function entryName(entry: HeadEntry): string {
  return entry.type === "link" ? `${shownPath(entry.path)} -> ${shownPath(entry.target)}` : shownPath(entry.path);
}

/** A JSON object: the entry as docs/format.md has it, without its content, and more fields. A `timeless` one has no `mt`. */
export function entryDocument(entry: HeadEntry, more: object = {}, timeless = false): string {
  const added = JSON.stringify(more).slice(1);
  const head = timeless ? headWithoutTime(entry) : encodeHead(entry);
  return added === "}" ? head : `${head.slice(0, -1)},${added}`;
}

function headWithoutTime(entry: HeadEntry): string {
  const { mt: _, ...head } = {
    mt: undefined,
    ...z.record(z.string(), z.unknown()).parse(JSON.parse(encodeHead(entry))),
  };
  return JSON.stringify(head);
}

function sizeText(entry: HeadEntry, size: number | undefined): string {
  if (entry.type === "file") return bytes(entry.size);
  if ("major" in entry) return `${entry.major}, ${entry.minor}`;
  return size === undefined ? "-" : bytes(size);
}

/** Entries may have times that no calendar has. */
function momentText({ seconds }: Moment): string {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? moment(date) : `@${seconds}`.padEnd(momentWidth);
}
