/**
 * Segments: entries that carry the content of a file which is too long for one line. Restored one after another, they take as
 * little memory as small files do.
 *
 * Older readers do not know them: they refuse the file, and each segment, by name, and restore everything else.
 */

import { z } from "zod";
import { altered } from "../error.ts";
import { base64, decodePath, encodeBytes } from "../lines/bytes-json.ts";
import { count, listOf, parseAs } from "../lines/lines.ts";
import { type ByteString, baseName, parentOf } from "../path.ts";
import { quoted } from "../quoted.ts";
import type { Continued, FileEntry, PartEntry, Segment } from "./entry.ts";
import { decodeEntry, decodeStretch, type EntryHead, extent, fileState } from "./entry-json.ts";
import type { AlikeContent } from "./likeness.ts";

/** Content above which a file goes on in segments. With all attributes, a line stays below 16 MiB. */
export const mostOfFile = { extents: 65_536, holes: 131_072 } as const;
/** Content at which a segment ends, so that few of them are a small part. */
export const mostOfSegment = { extents: 16_384, holes: 32_768 } as const;

/** Enough for 2^53. */
const digits = 16;

export function segmentPath(file: ByteString, from: number): ByteString {
  return `${file}/${String(from).padStart(digits, "0")}` as ByteString;
}

/** Files whose segments are awaited at a time. Names on Linux have 255 bytes at most, and each of these begins with the one before it. */
export const mostOpenFiles = 255;

/** The path before which all segments of a file sort. */
export function behindSegments(file: ByteString): ByteString {
  // `0` comes after `/`.
  return `${file}0` as ByteString;
}

/** Returns the JSON object of a segment, closed, without `dat`. */
export function encodeSegmentHead({ path, size, holes }: Pick<Segment, "path" | "size" | "holes">): EntryHead {
  return JSON.stringify({ typ: "s", ...encodeBytes("path", path), size, ...(holes.length > 0 && { holes }) });
}

const headStart = '{"typ":"s",';

/** Returns whether a head, as `encodeSegmentHead` and `encodeHead` write them, is that of a segment. */
export function isSegmentHead(head: EntryHead): boolean {
  return head.startsWith(headStart);
}

/** Returns size and holes in a segment's head; undefined for any other head. Throws a FormatError. */
export function stretchInSegmentHead(head: EntryHead): Pick<Segment, "size" | "holes"> | undefined {
  if (!isSegmentHead(head)) return undefined;
  const { size, holes = [] } = parseAs(stretchSchema, JSON.parse(head), "the head of a segment");
  return { size, holes };
}

const segmentSchema = z.object({
  typ: z.literal("s"),
  path: z.string().min(1),
  path_b64: base64.optional(),
  size: count.min(1),
  holes: fileState.shape.holes,
  dat: listOf(extent),
});

const stretchSchema = segmentSchema.pick({ size: true, holes: true });

/** Decodes a line of a part. Throws a FormatError. */
export function decodePartEntry(document: unknown): PartEntry {
  return isSegment(document) ? decodeSegment(document) : decodeEntry(document);
}

function isSegment(document: unknown): boolean {
  return typeof document === "object" && document !== null && "typ" in document && document.typ === "s";
}

function decodeSegment(document: unknown): Segment {
  const json = parseAs(segmentSchema, document, "an entry");
  const path = decodePath(json.path, json.path_b64, "path");
  const from = Number(baseName(path));
  const file = parentOf(path);
  if (path !== segmentPath(file, from) || !Number.isSafeInteger(from + json.size))
    throw altered(`${quoted(path)} is no path of a segment`);
  return { type: "segment", path, file, from, ...decodeStretch(path, json) };
}

/** Digest, hex, of what a segment says of the file, without the place of its content. */
export function digestOfSegment({ size, holes, extents }: SegmentContent): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${size}\n`);
  for (const [offset, length] of holes) hash.update(`${offset} ${length}\n`);
  for (const { length, sha256 } of extents) hash.update(`${length} ${sha256}\n`);
  return hash.digest("hex");
}

type SegmentContent = Pick<Segment, "size" | "holes"> & { readonly extents: AlikeContent };

/** A file whose content is in segments. */
export type ContinuedFile = FileEntry & { readonly continued: Continued };

export function isContinued(entry: PartEntry): entry is ContinuedFile {
  return entry.type === "file" && entry.continued !== undefined;
}

/** Checks that the segments of a file, in order, are those that it had when it was stored: each once, and none missing. */
export class Continuation {
  readonly #file: Pick<ContinuedFile, "size" | "continued">;
  readonly #hash = new Bun.CryptoHasher("sha256");
  #segments = 0;
  #reached = 0;

  constructor(file: Pick<ContinuedFile, "size" | "continued">) {
    this.#file = file;
  }

  /** Throws a FormatError for a segment that is not the next one. */
  take(segment: Pick<Segment, "from" | "size"> & { readonly digest: string }): void {
    const { from, size, digest } = segment;
    if (from !== this.#reached) throw altered(`its content goes on at byte ${from}, not at ${this.#reached}`);
    if (from + size > this.#file.size) throw altered("its content goes on beyond its end");
    this.#reached += size;
    this.#segments += 1;
    this.#hash.update(digest);
  }

  /** Whether a segment was taken. */
  get isBegun(): boolean {
    return this.#segments > 0;
  }

  /** Whether the end of the file is reached. */
  get isComplete(): boolean {
    return this.#reached === this.#file.size;
  }

  /** Throws a FormatError unless all segments were taken. */
  end(): void {
    const { size, continued } = this.#file;
    if (this.#reached !== size) throw altered(`its content ends at byte ${this.#reached} of ${size}`);
    if (this.#segments !== continued.segments || this.#hash.digest("hex") !== continued.sha256)
      throw altered("its content is not in the segments that it had");
  }
}
