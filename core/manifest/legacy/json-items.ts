/**
 * Reads a JSON document of s3-sysbackup piece by piece: an object of lists, such as `{"log": […], "content": […]}`, which
 * may be larger than memory. Each item of a list comes as its own text.
 */

import type { ByteStream } from "../../format/codecs/zlib.ts";
import { altered } from "../../format/error.ts";

/** `list`: the key of the list that it is in; `text`: empty when the list begins. */
export type JsonItem = { readonly list: string; readonly text: string };

/** Bytes of an item at most: a path, a link target and an ACL, escaped, take a tenth of it. */
const longestItem = 1024 * 1024;

const code = (character: string) => character.charCodeAt(0);
const quote = code('"');
const backslash = code("\\");
const brace = code("{");
const bracket = code("[");
const opening = new Set([brace, bracket]);
const closing = new Set([code("}"), code("]")]);
const comma = code(",");
const colon = code(":");
const space = code(" ");

/** Depths within `{"list": [item]}`. */
const inObject = 1;
const inList = 2;

/** Throws a FormatError if the document is cut short, or an item is too long. What is in items is for the caller to check. */
export async function* itemsOf(document: ByteStream): AsyncGenerator<JsonItem> {
  const scanner = new Scanner();
  for await (const piece of document) yield* scanner.take(piece);
  scanner.end();
}

class Scanner {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #ended = false;
  /** Bytes of the item, or of the key, that is open. */
  #open: Buffer[] = [];
  #size = 0;
  #list = "";

  *take(piece: Uint8Array): Generator<JsonItem> {
    // First byte of the piece that belongs to what is open.
    let start = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const byte = piece[at] ?? 0;
      if (this.#inString) {
        this.#string(byte);
        continue;
      }
      if (this.#isBreak(byte)) {
        this.#keep(piece.subarray(start, at));
        const item = this.#finish(byte);
        if (item !== undefined) yield item;
        start = at + 1;
      }
      if (this.#depth === 0 && byte > space && (this.#ended || byte !== brace)) throw altered("it is no JSON object");
      if (byte === quote) this.#inString = true;
      else if (opening.has(byte)) this.#depth += 1;
      else if (closing.has(byte)) {
        this.#depth -= 1;
        this.#ended = this.#depth === 0;
      }
    }
    this.#keep(piece.subarray(start));
  }

  end(): void {
    if (!this.#ended) throw altered("it is cut short");
  }

  #string(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === backslash) this.#escaped = true;
    else if (byte === quote) this.#inString = false;
  }

  /** Returns whether an item or a key begins or ends here. */
  #isBreak(byte: number): boolean {
    if (this.#depth === inList) return byte === comma || closing.has(byte);
    if (this.#depth === inObject) return byte === comma || byte === colon || opening.has(byte) || closing.has(byte);
    return this.#depth === 0;
  }

  #finish(byte: number): JsonItem | undefined {
    const text = Buffer.concat(this.#open, this.#size).toString("utf8").trim();
    this.#open = [];
    this.#size = 0;
    if (this.#depth === inObject && byte === colon) this.#list = textOfKey(text);
    if (this.#depth === inObject && byte === bracket) return { list: this.#list, text: "" };
    return this.#depth === inList && text !== "" ? { list: this.#list, text } : undefined;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#size += bytes.length;
    if (this.#size > longestItem) throw altered(`it has an item of more than ${longestItem} bytes`);
    this.#open.push(Buffer.from(bytes));
  }
}

function textOfKey(text: string): string {
  const key = parsedItem(text);
  if (typeof key !== "string") throw altered("a key of it is no text");
  return key;
}

/** Throws a FormatError for what is no JSON. */
export function parsedItem(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw altered("an item of it is no JSON");
  }
}

const newline = 10;

/** Yields the lines of a text, without the empty ones, as items of one list. */
export async function* linesAsItems(text: ByteStream, list: string): AsyncGenerator<JsonItem> {
  let open: Buffer[] = [];
  let size = 0;
  const line = () => {
    const whole = Buffer.concat(open, size).toString("utf8").trim();
    open = [];
    size = 0;
    return whole;
  };
  for await (const piece of text) {
    for (let start = 0; start < piece.length; ) {
      const found = piece.indexOf(newline, start);
      const end = found < 0 ? piece.length : found;
      size += end - start;
      if (size > longestItem) throw altered(`it has a line of more than ${longestItem} bytes`);
      open.push(Buffer.from(piece.subarray(start, end)));
      if (found >= 0) {
        const whole = line();
        if (whole !== "") yield { list, text: whole };
      }
      start = end + 1;
    }
  }
  const rest = line();
  if (rest !== "") yield { list, text: rest };
}
