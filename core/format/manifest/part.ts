/**
 * A part of a manifest: a run of entries in byte order of path, with the objects that they use. It stands alone, and
 * the same files give the same bytes in the next run, so that it is referenced again and not put again.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";
import type { ObjectRef, PartEntry } from "../entries/entry.ts";
import { plainFileIn } from "../entries/plain-line.ts";
import { decodePartEntry } from "../entries/segment.ts";
import { altered, FormatError } from "../error.ts";
import { base64, decodePath } from "../lines/bytes-json.ts";
import { checkFormat } from "../lines/envelope.ts";
import { asBuffer, count, type Line, linesIn, parseAs, parseDocument, type Text, toLine } from "../lines/lines.ts";
import { type ByteString, toBytes } from "../path.ts";
import { checkExtents, objectShape } from "./object-ref.ts";

const partFormat = { format: "sysbackup-part", version: 1 } as const;

/** No part but the last of a manifest has fewer. */
export const fewestEntries = 1_024;
const mostEntries = 16_384;
/** Above so many bytes of JSON, without and with objects, a part ends whatever its number of entries: one part fits into memory. */
const mostBytes = 32 * 1024 * 1024;
const mostWithObjects = 40 * 1024 * 1024;
const oneIn = 8_192;
/** Entries that a reader takes of a part: far more than any has, and few enough to name each that cannot be read. */
const mostRead = 65_536;

/** What a part has by now: bytes of JSON of its entries, and of its objects. */
export type PartSize = { readonly entries: number; readonly bytes: number; readonly objectBytes: number };

/**
 * Returns whether a part ends after the entry with this path. The path's own CRC-32 decides, so that a file added
 * or removed changes one part and leaves the cuts of the others where they were. The size is with this entry.
 */
export function endsPart(path: ByteString, { entries, bytes, objectBytes }: PartSize): boolean {
  if (entries >= mostEntries || bytes >= mostBytes || bytes + objectBytes >= mostWithObjects) return true;
  return entries >= fewestEntries && crc32(toBytes(path)) % oneIn === 0;
}

/** Returns the text of a part. `entries` are closed JSON objects without newline, whose extents number `objects`. */
export function encodePart(objects: readonly ObjectRef[], entries: readonly string[]): string {
  return `${encodePartHead(objects)}${entries.join("\n")}${entries.length > 0 ? "\n" : ""}`;
}

/** Returns what a part has before the lines of its entries. */
export function encodePartHead(objects: readonly ObjectRef[]): string {
  const refs = objects.map(({ key, version, size, encoding }, object) =>
    toLine({ object, key, version, size, encoding }),
  );
  return toLine(partFormat) + refs.join("");
}

/** `entries` may be iterated once. */
export type Part = { readonly objects: readonly ObjectRef[]; readonly entries: Iterable<PartEntry> };

/** An entry that cannot be read, in a part that is otherwise whole: its writer was wrong. */
export type BadEntry = {
  /** Undefined if not even that can be read. */
  readonly path: ByteString | undefined;
  readonly why: string;
};

/** `bytes`: of the line. */
export type OnBadLine = (entry: BadEntry, bytes: number) => void;

/** Called with the path of each entry, in order. Returns whether the entry is wanted. */
export type Sieve = (path: ByteString) => boolean;

/**
 * Decodes objects at once, and entries while iterating: both checked against each other and against the format. Something missing
 * at the end is not noticed here, but by the digest that the root has of the stored part.
 *
 * A bad entry is passed to `onBad` and left out; without `onBad`, it throws a FormatError. Of entries that do not pass the `sieve`, only
 * the path and its order are checked, which takes a fifth of the time. It is not asked about segments.
 */
export function decodePart(text: Text, onBad?: OnBadLine, sieve?: Sieve): Part {
  const lines = linesIn(text);
  checkFormat(lines.next().value?.parse(), partFormat);
  const objects: ObjectRef[] = [];
  let next = lines.next();
  while (!next.done) {
    const document = parsedOrNothing(next.value);
    if (!isObjectLine(document)) break;
    const { object, ...ref } = parseAs(objectLine, document, "an object line");
    if (object !== objects.length) throw altered("objects are not numbered in order");
    objects.push(ref);
    next = lines.next();
  }
  return { objects, entries: next.done ? [] : decodeEntries(next.value, lines, { objects, onBad, sieve }) };
}

type Decoding = {
  readonly objects: readonly ObjectRef[];
  readonly onBad: OnBadLine | undefined;
  readonly sieve: Sieve | undefined;
};

function* decodeEntries(first: Line, rest: Iterable<Line>, decoding: Decoding): Generator<PartEntry> {
  let previous: ByteString | undefined;
  let entries = 0;
  for (const line of following(first, rest)) {
    entries += 1;
    if (entries > mostRead) throw altered(`it has more than the ${mostRead} entries allowed`);
    const entry = decodeOne(line, previous, decoding);
    if (entry === undefined) continue;
    if ("type" in entry) yield entry;
    previous = entry.path;
  }
}

const outOfOrder = () => altered("entries are not in byte order of path");

function* following(first: Line, rest: Iterable<Line>): Generator<Line> {
  yield first;
  yield* rest;
}

/** An entry that did not pass the sieve. */
type Passed = { readonly path: ByteString };

function decodeOne(line: Line, previous: ByteString | undefined, decoding: Decoding): PartEntry | Passed | undefined {
  const { objects, onBad, sieve } = decoding;
  let document: unknown;
  try {
    const plain = plainFileIn(line);
    document = plain === undefined ? line.parse() : undefined;
    const path = plain?.path ?? (sieve && isNamed(document) ? pathOf(document) : undefined);
    if (path !== undefined && sieve?.(path) === false) {
      if (previous !== undefined && path <= previous) throw outOfOrder();
      return { path };
    }
    const entry = plain ?? decodePartEntry(document);
    if (previous !== undefined && entry.path <= previous) throw outOfOrder();
    checkExtents(entry, objects);
    return entry;
  } catch (error) {
    if (onBad === undefined || !(error instanceof FormatError)) throw error;
    onBad({ path: pathIn(line, document), why: error.message }, line.length);
    return undefined;
  }
}

/** Where the path stands in a line, as all writers write it. */
const pathStart = /^\{"typ":"[a-z]","path":"(?:[^"\\]|\\.)*"(?:,"path_b64":"[A-Za-z0-9+/=]*")?/;
/** Bytes that a path takes at most. */
const longestStart = 64 * 1024;

/** Returns the path that a malformed entry names, if it is one. `document`: undefined for what could not be parsed. */
function pathIn(line: Line, document: unknown): ByteString | undefined {
  try {
    if (document !== undefined) return pathOf(document);
    const start = pathStart.exec(asBuffer(line.read(0, longestStart)).toString("utf8"));
    return start === null ? undefined : pathOf(parseDocument(`${start[0]}}`, line.number));
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function pathOf(document: unknown): ByteString {
  const { path, path_b64 } = parseAs(named, document, "an entry");
  return decodePath(path, path_b64, "path");
}

function isNamed(document: unknown): boolean {
  return typeof document === "object" && document !== null && "path" in document;
}

function isObjectLine(document: unknown): boolean {
  return typeof document === "object" && document !== null && "object" in document;
}

/** Returns undefined for a line that is no JSON. */
function parsedOrNothing(line: Line): unknown {
  try {
    return line.parse();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

const named = z.object({ path: z.string(), path_b64: base64.optional() });
const objectLine = z.object({ object: count, ...objectShape });
