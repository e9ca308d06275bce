/**
 * JSON lines, as manifests and indexes are written: UTF-8, one document a line, every line ended by a newline.
 */
import { z } from "zod";
import { altered } from "../error.ts";
import { hasTooMany } from "./values.ts";

/** Longest line that is written, and that is read. */
export const longestLine = 16 * 1024 * 1024;

/** A text in memory, or in a file. */
export type Text = {
  readonly length: number;
  /** Returns bytes, fewer only at the end. They are valid until the next call. */
  read(start: number, end: number): Uint8Array;
};

export function textOf(bytes: Uint8Array): Text {
  return { length: bytes.length, read: (start, end) => bytes.subarray(start, end) };
}

/** A line that is parsed only when it is asked for. */
export type Line = Text & {
  /** Counted from 1. */
  readonly number: number;
  /** Throws a FormatError, also for a line of more than 16 MiB. */
  parse(): unknown;
};

const newline = 10;
/** Most lines end within the first. */
const blockSizes = { first: 4 * 1024, largest: 256 * 1024 } as const;

/** Yields the lines of a whole object, so that one which is no JSON costs no other. */
export function* linesIn(text: Text): Generator<Line> {
  let start = 0;
  for (let number = 1; start < text.length; number += 1) {
    const end = endOfLine(text, start);
    if (end === undefined) throw altered(`line ${number} is cut short`);
    yield new TextLineIn(text, number, start, end);
    start = end + 1;
  }
}

function endOfLine(text: Text, start: number): number | undefined {
  let size: number = blockSizes.first;
  for (let from = start; from < text.length; ) {
    const found = text.read(from, Math.min(from + size, text.length)).indexOf(newline);
    if (found >= 0) return from + found;
    from += size;
    size = Math.min(2 * size, blockSizes.largest);
  }
  return undefined;
}

class TextLineIn implements Line {
  readonly #text: Text;
  readonly #start: number;
  readonly length: number;

  constructor(
    text: Text,
    readonly number: number,
    start: number,
    end: number,
  ) {
    this.#text = text;
    this.#start = start;
    this.length = end - start;
  }

  read(start: number, end: number): Uint8Array {
    return this.#text.read(this.#start + start, this.#start + Math.min(end, this.length));
  }

  parse(): unknown {
    if (this.length > longestLine) throw altered(`line ${this.number} has more than 16 MiB`);
    return parseDocument(asBuffer(this.read(0, this.length)).toString("utf8"), this.number);
  }
}

export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Throws a FormatError for what is no JSON, and for more values than any line has that is written. */
export function parseDocument(line: string, number: number): unknown {
  if (hasTooMany(line)) throw altered(`line ${number} has more values than any that is written`);
  try {
    return JSON.parse(line);
  } catch {
    throw altered(`line ${number} is not JSON`);
  }
}

/** Checks a document against its schema; says which field is wrong. */
export function parseAs<T extends z.ZodType>(schema: T, document: unknown, what: string): z.output<T> {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : ` at ${issue.path.join(".")}`;
  throw altered(`${what} is malformed${where}${issue === undefined ? "" : `: ${issue.message}`}`);
}

export function toLine(document: unknown): string {
  return `${JSON.stringify(document)}\n`;
}

/**
 * A list of items, and named values. The first that is wrong ends the look: for each, a schema of Zod keeps an issue, which takes as much
 * memory as many items. Only for schemas that change nothing.
 */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.custom<z.output<Item>[]>(
    (value) => Array.isArray(value) && value.every((one) => item.safeParse(one).success),
  );
}

export function namedBy<Value extends z.ZodType>(name: z.ZodType<string>, value: Value) {
  const isPair = ([key, one]: [string, unknown]) => name.safeParse(key).success && value.safeParse(one).success;
  const isNamed = (given: unknown) => typeof given === "object" && given !== null && !Array.isArray(given);
  return z.custom<Record<string, z.output<Value>>>(
    (given) => isNamed(given) && Object.entries(given ?? {}).every(isPair),
  );
}

/** A run's eight random hex digits. */
export const runHex = z.string().regex(/^[0-9a-f]{8}$/);
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** A sum of sizes, to show: not exact above 2^53, which sparse files of any user can reach. */
export const sumOfSizes = z.number().nonnegative();
export const isoTime = z.iso.datetime();
