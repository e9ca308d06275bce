/**
 * An index object: what one run stored, so that other hosts, and this one after losing its state, need not store it
 * again. Holds no names of files.
 */
import { z } from "zod";
import { altered, FormatError } from "./error.ts";
import { safeName } from "./keys.ts";
import { count, isoTime, parseAs, parseLines, sha256Hex, toLine } from "./lines.ts";

const formatName = "sysbackup-index";
const formatVersion = 1;

const objectLine = z.object({
  key: z.string().min(1).max(1024),
  version: z.string().min(1).max(1024),
  size: count,
  encoding: z.enum(["frames", "zstd", "gzip", "none"]),
  retain_until: isoTime,
});

/** Chunks of one frame in order; a chunk's offset in the frame is the sum of the lengths before it. */
const frameLine = z.tuple([
  /** Number of the object within this index object. */
  count,
  /** Offset and stored length of the frame in the object. */
  count,
  count,
  z.array(z.tuple([sha256Hex, count])),
]);

const extensionLine = z.object({
  key: z.string().min(1).max(1024),
  version: z.string().min(1).max(1024),
  retain_until: isoTime,
});

export type IndexedObject = z.output<typeof objectLine>;
export type IndexedFrame = z.output<typeof frameLine>;
export type Extension = z.output<typeof extensionLine>;

export type IndexLine =
  | { readonly object: IndexedObject }
  | { readonly frame: IndexedFrame }
  | { readonly extended: Extension };

const bodyLine = z.union([
  z.object({ object: objectLine }),
  z.object({ frame: frameLine }),
  z.object({ extended: extensionLine }),
  z.object({ footer: z.object({ lines: count }) }),
]);

/** The text, a line at a time. */
export function* encodeIndex(name: string, run: string, lines: Iterable<IndexLine>): Generator<string> {
  yield toLine({ format: formatName, version: formatVersion, name, run });
  let written = 0;
  for (const line of lines) {
    yield toLine(line);
    written += 1;
  }
  yield toLine({ footer: { lines: written } });
}

/** Lines as they come; throws a FormatError where it is cut short, altered, or of a newer format. */
export function* decodeIndex(bytes: Uint8Array): Generator<IndexLine> {
  const lines = parseLines(bytes);
  checkHead(lines.next().value?.document);
  let objects = 0;
  let read = 0;
  for (const { document } of lines) {
    const line = parseAs(bodyLine, document, "a line of the index");
    if ("footer" in line) {
      if (line.footer.lines !== read) throw altered(`it has ${read} lines, its footer says ${line.footer.lines}`);
      return;
    }
    if ("object" in line) objects += 1;
    if ("frame" in line && line.frame[0] >= objects)
      throw altered("a frame refers to an object that did not come before");
    read += 1;
    yield line;
  }
  throw altered("it has no footer");
}

function checkHead(document: unknown): void {
  const head = parseAs(
    z.object({ format: z.string(), version: count, name: z.string().regex(safeName), run: z.string() }),
    document,
    "the first line",
  );
  if (head.format !== formatName) throw altered(`it is a ${JSON.stringify(head.format)}, not a ${formatName}`);
  if (head.version > formatVersion) throw new FormatError("newer", `it has format version ${head.version}`);
}
