/**
 * JSON lines, as manifests and indexes are written: UTF-8, one document a line, every line ended by a newline.
 */
import { z } from "zod";
import { altered } from "./error.ts";

/** Longer lines are refused: nothing that sysbackup writes comes near, and memory stays bounded. */
export const maxLineBytes = 256 * 1024 * 1024;
/** Longest line of an entry that is written: with it, a part still fits into what a reader takes as one. */
export const longestWrittenLine = 224 * 1024 * 1024;

/** A line that is parsed only when it is asked for. */
export type Line = {
  /** Throws a FormatError. */
  parse(): unknown;
};

/** Yields the lines of a whole object in memory, so that one which is no JSON costs no other. */
export function* linesIn(bytes: Uint8Array): Generator<Line> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  for (let number = 1; start < buffer.length; number += 1) {
    const end = buffer.indexOf(10, start);
    if (end < 0) throw altered(`line ${number} is cut short`);
    if (end - start > maxLineBytes) throw altered(`line ${number} is too long`);
    const from = start;
    yield { parse: () => parseDocument(buffer.toString("utf8", from, end), number) };
    start = end + 1;
  }
}

export function parseDocument(line: string, number: number): unknown {
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

/** A run's eight random hex digits. */
export const runHex = z.string().regex(/^[0-9a-f]{8}$/);
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** A sum of sizes, to show: not exact above 2^53, which sparse files of any user can reach. */
export const sumOfSizes = z.number().nonnegative();
export const isoTime = z.iso.datetime();
