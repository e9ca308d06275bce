/** JSON lines as they come, of a text of any length: roots and index objects, which their last line proves whole. */

import type { ByteStream } from "../codecs/zlib.ts";
import { altered } from "../error.ts";
import { FooterCheck } from "./envelope.ts";
import { parseDocument } from "./lines.ts";

export type LineBounds = {
  /** Bytes of a line at most. */
  readonly line: number;
  readonly lines: number;
};

export type TextLine = {
  readonly document: unknown;
  /** Bytes of the line. */
  readonly length: number;
};

const newline = 10;

/**
 * Yields the documents of a text, without its footer. Throws a FormatError: at a line that is malformed or beyond the bounds, and at
 * the end if the footer is missing or another one. So nothing that was yielded may be believed before the end. While a line is used,
 * `footer` has the digest of what is before it.
 */
export async function* footedLines(
  content: ByteStream,
  bounds: LineBounds,
  footer = new FooterCheck(),
): AsyncGenerator<TextLine> {
  /** Held back, as the last line is the footer. The first is not: it says whether this version knows the format of the rest. */
  let held: Uint8Array | undefined;
  let number = 0;
  for await (const line of linesOf(content, bounds.line)) {
    const next = number === 0 ? line : held;
    held = number === 0 ? undefined : line;
    number += 1;
    if (next === undefined) continue;
    if (number > bounds.lines) throw altered(`it has more than the ${bounds.lines} lines allowed`);
    yield { document: parseDocument(textOf(next), Math.max(1, number - 1)), length: next.length };
    footer.pass(next);
  }
  footer.end(held);
}

function textOf(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, line.byteLength - 1).toString("utf8");
}

/** Yields lines with their newlines. */
async function* linesOf(content: ByteStream, most: number): AsyncGenerator<Uint8Array> {
  let beginning: Uint8Array[] = [];
  let length = 0;
  for await (const piece of content) {
    let start = 0;
    for (let end = piece.indexOf(newline, start); end >= 0; end = piece.indexOf(newline, start)) {
      const rest = piece.subarray(start, end + 1);
      length += rest.length;
      if (length > most) throw altered("a line is too long");
      yield beginning.length === 0 ? rest : Buffer.concat([...beginning, rest], length);
      beginning = [];
      length = 0;
      start = end + 1;
    }
    if (start === piece.length) continue;
    beginning.push(piece.subarray(start));
    length += piece.length - start;
    if (length > most) throw altered("a line is too long");
  }
  if (length > 0) throw altered("its last line is cut short");
}
