/**
 * Words of the command line are bytes, as paths are. Inside, a word is text in which each byte that is not UTF-8 is a lone
 * surrogate, U+DC80 to U+DCFF (as Python's "surrogateescape" does): no UTF-8 gives these, so nothing is lost.
 */
import { type ByteString, fromBytes, fromText } from "./path.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Lone ones only: with the flag `u`, halves of a pair do not match. */
const escaped = /[\udc80-\udcff]/u;
const escapeBase = 0xdc00;

export function argumentText(bytes: Uint8Array): string {
  const whole = decoded(bytes);
  if (whole !== undefined) return whole;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOfCharacter(bytes[at] ?? 0);
    const character = decoded(bytes.subarray(at, at + length));
    text += character ?? String.fromCharCode(escapeBase + (bytes[at] ?? 0));
    at += character === undefined ? 1 : length;
  }
  return text;
}

/** Returns the bytes of a word: what functions of the system take as a path. */
export function argumentBytes(text: string): Buffer {
  if (isPlainText(text)) return Buffer.from(text);
  const pieces = text.split(/([\udc80-\udcff])/u);
  return Buffer.concat(
    pieces.map((piece) => (escaped.test(piece) ? Buffer.of(piece.charCodeAt(0) - escapeBase) : Buffer.from(piece))),
  );
}

export function fromArgument(text: string): ByteString {
  if (isPlainText(text)) return fromText(text);
  return fromBytes(argumentBytes(text));
}

/** Returns whether all bytes of the word are UTF-8. */
export function isPlainText(text: string): boolean {
  return !escaped.test(text);
}

function lengthOfCharacter(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
