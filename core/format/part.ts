/**
 * A part of a manifest: a run of entries in byte order of path, with the objects that they use. It stands alone, and
 * the same files give the same bytes in the next run, so that it is referenced again and not put again.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Entry, ObjectRef } from "./entry.ts";
import { decodeEntry } from "./entry-json.ts";
import { checkFormat } from "./envelope.ts";
import { altered } from "./error.ts";
import { count, parseAs, parseLines, toLine } from "./lines.ts";
import { checkFrameWithin, objectShape } from "./object-ref.ts";
import { type ByteString, toBytes } from "./path.ts";

const partFormat = { format: "sysbackup-part", version: 1 } as const;

/** No part but the last of a manifest has fewer. */
export const fewestEntries = 1_024;
const mostEntries = 16_384;
/** Above this many bytes of JSON a part ends whatever its number of entries: one part fits into memory. */
const mostBytes = 32 * 1024 * 1024;
const oneIn = 8_192;

/**
 * Returns whether a part ends after the entry with this path. The path's own CRC-32 decides, so that a file added
 * or removed changes one part and leaves the cuts of the others where they were. `entries` and `bytes` (of their JSON)
 * are what the part has by now, this entry among them.
 */
export function endsPart(path: ByteString, entries: number, bytes: number): boolean {
  if (entries >= mostEntries || bytes >= mostBytes) return true;
  return entries >= fewestEntries && crc32(toBytes(path)) % oneIn === 0;
}

/** Returns the text of a part. `entries` are closed JSON objects without newline, whose extents number `objects`. */
export function encodePart(objects: readonly ObjectRef[], entries: readonly string[]): string {
  const head = toLine(partFormat);
  const refs = objects.map(({ key, version, size, encoding }, object) =>
    toLine({ object, key, version, size, encoding }),
  );
  return `${head}${refs.join("")}${entries.join("\n")}${entries.length > 0 ? "\n" : ""}`;
}

/** `entries` may be iterated once. */
export type Part = { readonly objects: readonly ObjectRef[]; readonly entries: Iterable<Entry> };

/**
 * Decodes objects at once, and entries while iterating: both checked against each other and against the format. Something missing
 * at the end is not noticed here, but by the digest that the root has of the stored part.
 */
export function decodePart(bytes: Uint8Array): Part {
  const lines = parseLines(bytes);
  checkFormat(lines.next().value, partFormat);
  const objects: ObjectRef[] = [];
  let next = lines.next();
  while (!next.done && isObjectLine(next.value)) {
    const { object, ...ref } = parseAs(objectLine, next.value, "an object line");
    if (object !== objects.length) throw altered("objects are not numbered in order");
    objects.push(ref);
    next = lines.next();
  }
  return { objects, entries: next.done ? [] : decodeEntries(next.value, lines, objects) };
}

function* decodeEntries(first: unknown, rest: Iterable<unknown>, objects: readonly ObjectRef[]): Generator<Entry> {
  const start = decodeEntry(first);
  checkExtents(start, objects);
  yield start;
  let previous = start.path;
  for (const document of rest) {
    const entry = decodeEntry(document);
    if (entry.path <= previous) throw altered("entries are not in byte order of path");
    checkExtents(entry, objects);
    yield entry;
    previous = entry.path;
  }
}

function checkExtents(entry: Entry, objects: readonly ObjectRef[]): void {
  if (entry.type !== "file") return;
  for (const { object, frameOffset, frameLength } of entry.extents) {
    const ref = objects[object];
    if (ref === undefined) throw altered(`an extent refers to object ${object}, which the part does not have`);
    checkFrameWithin(ref, frameOffset, frameLength);
  }
}

function isObjectLine(document: unknown): boolean {
  return typeof document === "object" && document !== null && "object" in document;
}

const objectLine = z.object({ object: count, ...objectShape });
