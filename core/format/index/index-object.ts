/**
 * An index object lists what a run stored, so that other hosts, and this one after losing its state, need not store it
 * again. It holds no names of files.
 */
import { z } from "zod";
import { isPack } from "../codecs/encoding.ts";
import { maxFrameContent } from "../codecs/frame.ts";
import type { ByteStream } from "../codecs/zlib.ts";
import { altered } from "../error.ts";
import { safeName } from "../keys/keys.ts";
import { checkFormat, withFooter } from "../lines/envelope.ts";
import { count, isoTime, listOf, parseAs, runHex, sha256Hex, toLine } from "../lines/lines.ts";
import { footedLines } from "../lines/text-lines.ts";
import { checkFrameWithin, objectShape, versionShape } from "../manifest/object-ref.ts";

const indexFormat = { format: "sysbackup-index", version: 1 } as const;

const header = z.object({ name: z.string().regex(safeName), run: runHex });

/** `sha256`: of the stored bytes of a sealed object whose key does not say it. */
const objectLine = z.object({ ...objectShape, retain_until: isoTime, sha256: sha256Hex.optional() });

/** Chunks of one frame in order; a chunk's offset in the frame is the sum of the lengths before it. */
const frameLine = z.tuple([
  /** Number of the object within this index object: the first object line is 0. */
  count,
  /** Offset and stored length of the frame in the object. */
  count,
  count,
  listOf(z.tuple([sha256Hex, count])),
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

/** Passes lines on that are to be encoded. Throws a FormatError at the first that a reader would refuse. */
export function* readableLines(lines: Iterable<IndexLine>): Generator<IndexLine> {
  const order = new LineOrder();
  for (const line of lines) {
    // Most lines are such, and the schema takes its time.
    if (!("frame" in line && isPlainFrame(line.frame))) checkText(toLine(line));
    order.check(line);
    yield line;
  }
}

function checkText(line: string): void {
  if (Buffer.byteLength(line) > bounds.line) throw altered("a line is too long");
  decodeLine(JSON.parse(line));
}

const hexDigest = /^[0-9a-f]{64}$/;
const isCount = (number: number) => Number.isSafeInteger(number) && number >= 0;

function isPlainFrame([object, offset, length, chunks]: IndexedFrame): boolean {
  return (
    isCount(object) &&
    isCount(offset) &&
    isCount(length) &&
    chunks.every(([id, size]) => hexDigest.test(id) && isCount(size))
  );
}

/**
 * Bytes of its text at most. Writers begin another at 100,000 objects and chunks, and as many extensions: not even with the longest
 * names that S3 allows does that come near. A line has the chunks of one frame, at most the 8,192 of a pack.
 */
export const mostIndexBytes = 320 * 1024 * 1024;
const bounds = { line: 4 * 1024 * 1024, lines: 500_000 } as const;
const mostChunks = 1_000_000;

/**
 * Yields lines as they come. Throws a FormatError: at a line that is malformed, or beyond the bounds; if the object is of a newer format
 * or another one than `identity`; and at the end if it is cut short or altered. So believe no line before the end.
 */
export function decodeIndex(text: ByteStream, identity?: IndexIdentity): AsyncGenerator<IndexLine> {
  return decodeIndexed(text, (first) => {
    checkFormat(first, indexFormat);
    const { name, run } = parseAs(header, first, "the first line");
    if (identity === undefined || (name === identity.name && run === identity.run)) return;
    throw altered(`its first line says that it is run ${run} of ${JSON.stringify(name)}, and its key does not`);
  });
}

/** Decodes as `decodeIndex`, under another first line. */
export async function* decodeIndexed(
  text: ByteStream,
  checkFirst: (first: unknown) => void,
): AsyncGenerator<IndexLine> {
  let isFirst = true;
  const order = new LineOrder();
  for await (const { document } of footedLines(text, bounds)) {
    if (isFirst) {
      checkFirst(document);
      isFirst = false;
      continue;
    }
    const line = decodeLine(document);
    order.check(line);
    yield line;
  }
}

/** Checks frames against the objects before them, of which it keeps as little as possible: a hostile writer lists many. */
class LineOrder {
  readonly #objects: Pick<IndexedObject, "size" | "encoding">[] = [];
  #chunks = 0;

  check(line: IndexLine): void {
    if ("object" in line) this.#objects.push({ size: line.object.size, encoding: line.object.encoding });
    if ("frame" in line) this.#checkFrame(line.frame);
  }

  #checkFrame([number, offset, length, chunks]: IndexedFrame): void {
    const object = this.#objects[number];
    if (object === undefined) throw altered("a frame refers to an object that did not come before");
    checkFrameWithin({ ...object, key: `object ${number}` }, offset, length);
    checkChunks(object, chunks);
    this.#chunks += chunks.length;
    if (this.#chunks > mostChunks) throw altered(`it lists more than the ${mostChunks} chunks allowed`);
  }
}

function decodeLine(document: unknown): IndexLine {
  const { object, frame, extended } = parseAs(bodyLine, document, "a line of the index");
  if (object !== undefined) return { object };
  if (frame !== undefined) return { frame };
  if (extended !== undefined) return { extended };
  throw altered("a line of the index is of no known kind");
}

function checkChunks({ encoding }: Pick<IndexedObject, "encoding">, chunks: IndexedFrame[3]): void {
  if (!isPack(encoding)) {
    if (chunks.length > 1) throw altered("an object without frames is one chunk, and several are listed");
    return;
  }
  const content = chunks.reduce((sum, [, length]) => sum + length, 0);
  if (content > maxFrameContent) throw altered(`a frame of ${content} bytes is more than any pack has`);
}
