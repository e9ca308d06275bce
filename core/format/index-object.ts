/**
 * An index object lists what a run stored, so that other hosts, and this one after losing its state, need not store it
 * again. It holds no names of files.
 */
import { z } from "zod";
import { isPack } from "./encoding.ts";
import { checkFormat, withFooter, withoutFooter } from "./envelope.ts";
import { altered } from "./error.ts";
import { maxFrameContent } from "./frame.ts";
import { safeName } from "./keys.ts";
import { count, isoTime, parseAs, parseLines, runHex, sha256Hex, toLine } from "./lines.ts";
import { checkFrameWithin, objectShape, versionShape } from "./object-ref.ts";

const indexFormat = { format: "sysbackup-index", version: 1 } as const;

const header = z.object({ name: z.string().regex(safeName), run: runHex });

const objectLine = z.object({ ...objectShape, retain_until: isoTime });

/** Chunks of one frame in order; a chunk's offset in the frame is the sum of the lengths before it. */
const frameLine = z.tuple([
  /** Number of the object within this index object: the first object line is 0. */
  count,
  /** Offset and stored length of the frame in the object. */
  count,
  count,
  z.array(z.tuple([sha256Hex, count])),
]);

const extensionLine = z.object({ ...versionShape, retain_until: isoTime });

export type IndexedObject = z.output<typeof objectLine>;
export type IndexedFrame = z.output<typeof frameLine>;
export type Extension = z.output<typeof extensionLine>;

export type IndexLine =
  | { readonly object: IndexedObject }
  | { readonly frame: IndexedFrame }
  | { readonly extended: Extension };

const bodyLine = z.object({ object: objectLine, frame: frameLine, extended: extensionLine }).partial();

/** What key and first line both say. */
export type IndexIdentity = z.output<typeof header>;

/** Yields the text, a line at a time. A frame comes after the object that it lies in. */
export function encodeIndex(name: string, run: string, lines: Iterable<IndexLine>): Generator<string> {
  return encodeIndexed({ ...indexFormat, name, run }, lines);
}

/** Encodes as `encodeIndex`, under another first line. */
export function encodeIndexed(first: object, lines: Iterable<IndexLine>): Generator<string> {
  return withFooter(encodeLines(first, lines));
}

function* encodeLines(first: object, lines: Iterable<IndexLine>): Generator<string> {
  yield toLine(first);
  for (const line of lines) yield toLine(line);
}

/**
 * Yields lines as they come. Throws a FormatError: before the first line if the object is cut short, altered, of a newer
 * format or another one than `identity`; at the line in question if the writer itself was wrong.
 */
export function decodeIndex(bytes: Uint8Array, identity?: IndexIdentity): Generator<IndexLine> {
  return decodeIndexed(bytes, (first) => {
    checkFormat(first, indexFormat);
    const { name, run } = parseAs(header, first, "the first line");
    if (identity === undefined || (name === identity.name && run === identity.run)) return;
    throw altered(`its first line says that it is run ${run} of ${JSON.stringify(name)}, and its key does not`);
  });
}

/** Decodes as `decodeIndex`, under another first line. */
export function* decodeIndexed(bytes: Uint8Array, checkFirst: (first: unknown) => void): Generator<IndexLine> {
  checkFirst(parseLines(bytes).next().value);
  const lines = parseLines(withoutFooter(bytes));
  lines.next();
  const objects: IndexedObject[] = [];
  for (const document of lines) {
    const line = decodeLine(document);
    if ("object" in line) objects.push(line.object);
    if ("frame" in line) checkFrame(line.frame, objects);
    yield line;
  }
}

function decodeLine(document: unknown): IndexLine {
  const { object, frame, extended } = parseAs(bodyLine, document, "a line of the index");
  if (object !== undefined) return { object };
  if (frame !== undefined) return { frame };
  if (extended !== undefined) return { extended };
  throw altered("a line of the index is of no known kind");
}

function checkFrame([number, offset, length, chunks]: IndexedFrame, objects: readonly IndexedObject[]): void {
  const object = objects[number];
  if (object === undefined) throw altered("a frame refers to an object that did not come before");
  checkFrameWithin(object, offset, length);
  checkChunks(object, chunks);
}

function checkChunks({ encoding }: Pick<IndexedObject, "encoding">, chunks: IndexedFrame[3]): void {
  if (!isPack(encoding)) {
    if (chunks.length > 1) throw altered("an object without frames is one chunk, and several are listed");
    return;
  }
  const content = chunks.reduce((sum, [, length]) => sum + length, 0);
  if (content > maxFrameContent) throw altered(`a frame of ${content} bytes is more than any pack has`);
}
