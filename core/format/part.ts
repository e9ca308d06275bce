/**
 * A part of a manifest: a run of entries in byte order of path, with the objects that they use. It stands alone, and
 * the same files give the same bytes in the next run, so that it is referenced again and not put again.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { Encoding, Entry, ObjectRef } from "./entry.ts";
import { decodeEntry } from "./entry-json.ts";
import { altered, FormatError } from "./error.ts";
import { count, parseAs, parseLines, toLine } from "./lines.ts";
import { type ByteString, toBytes } from "./path.ts";

const formatName = "sysbackup-part";
const formatVersion = 1;

const fewestEntries = 1_024;
const mostEntries = 32_768;
/** Above this many bytes of JSON a part ends whatever its number of entries: one part fits into memory. */
const mostBytes = 32 * 1024 * 1024;
const oneIn = 8_192;

/**
 * Whether a part ends after the entry with this path: decided by the path's own CRC-32, so that a file added
 * or removed changes one part and leaves the cuts of the others where they were.
 */
export function endsPart(path: ByteString, entries: number, bytes: number): boolean {
  if (entries >= mostEntries || bytes >= mostBytes) return true;
  return entries >= fewestEntries && crc32(toBytes(path)) % oneIn === 0;
}

/** The text of a part. `entries` are closed JSON objects without newline, whose extents number `objects`. */
export function encodePart(objects: readonly ObjectRef[], entries: readonly string[]): string {
  const head = toLine({ format: formatName, version: formatVersion });
  const refs = objects.map(({ key, version, size, encoding }, object) =>
    toLine({ object, key, version, size, encoding }),
  );
  return `${head}${refs.join("")}${entries.join("\n")}${entries.length > 0 ? "\n" : ""}`;
}

export type Part = { readonly objects: readonly ObjectRef[]; readonly entries: Iterable<Entry> };

/** Objects at once, entries while iterating: both checked against each other and against the format. */
export function decodePart(bytes: Uint8Array): Part {
  const lines = parseLines(bytes);
  checkHead(lines.next().value?.document);
  const objects: ObjectRef[] = [];
  let next = lines.next();
  while (!next.done && isObjectLine(next.value.document)) {
    const { object, ...ref } = parseAs(objectLine, next.value.document, "an object line");
    if (object !== objects.length) throw altered("objects are not numbered in order");
    objects.push(ref);
    next = lines.next();
  }
  const first = next.done ? undefined : next.value.document;
  return { objects, entries: decodeEntries(first, lines, objects) };
}

function* decodeEntries(
  first: unknown,
  rest: Iterable<{ readonly document: unknown }>,
  objects: readonly ObjectRef[],
): Generator<Entry> {
  if (first === undefined) return;
  let previous: ByteString | undefined;
  const check = (entry: Entry): Entry => {
    if (previous !== undefined && entry.path <= previous) throw altered("entries are not in byte order of path");
    previous = entry.path;
    if (entry.type === "file") checkExtents(entry.extents, objects);
    return entry;
  };
  yield check(decodeEntry(first));
  for (const { document } of rest) yield check(decodeEntry(document));
}

function checkExtents(extents: Extract<Entry, { type: "file" }>["extents"], objects: readonly ObjectRef[]): void {
  for (const { object, frameOffset, frameLength } of extents) {
    const ref = objects[object];
    if (ref === undefined) throw altered(`an extent refers to object ${object}, which the part does not have`);
    if (frameOffset + frameLength > ref.size) throw altered(`an extent lies outside of ${JSON.stringify(ref.key)}`);
  }
}

function checkHead(document: unknown): void {
  const { format, version } = parseAs(headLine, document, "the first line");
  if (format !== formatName) throw altered(`it is a ${JSON.stringify(format)}, not a ${formatName}`);
  if (version > formatVersion) throw new FormatError("newer", `it has format version ${version}`);
}

function isObjectLine(document: unknown): boolean {
  return typeof document === "object" && document !== null && "object" in document;
}

const headLine = z.object({ format: z.string(), version: count });
const encoding = z.enum(["frames", "zstd", "gzip", "none"]) satisfies z.ZodType<Encoding>;
const objectLine = z.object({
  object: count,
  key: z.string().min(1).max(1024),
  version: z.string().min(1).max(1024),
  size: count,
  encoding,
});
