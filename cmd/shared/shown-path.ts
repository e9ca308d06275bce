/** Shows names so that they can do no harm, and so that two different ones never look the same. */
import { argumentText, isPlainText } from "../../core/format/argument.ts";
import { type ByteString, fromText, toBytes } from "../../core/format/path.ts";
import { printable } from "../terminal/printable.ts";

/**
 * Returns the name as it is if it is text that a terminal shows as it is; any other in the form `$'…'` of shells, with its unusual bytes
 * as `\n` or `\xff`: pasted into a shell, it is the same name.
 */
export function shownPath(path: ByteString): string {
  const text = argumentText(toBytes(path));
  if (isPlainText(text) && printable(text) === text && !text.startsWith("$'") && !hidden.test(text)) return text;
  return `$'${Array.from(text, escaped).join("")}'`;
}

/** As `shownPath`, also for a name with spaces: it is one word. */
export function shownWord(word: string): string {
  return word.includes(" ") ? `$'${Array.from(word, escaped).join("")}'` : shownPath(fromText(word));
}

/** Characters without a width, or that look like a space, and a space at either end. */
const hidden =
  /[\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cn}\u00a0\u2000-\u200a\u202f\u205f\u3000\u2800]|^ | $/u;

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "'": "\\'" };

function escaped(character: string): string {
  const known = short[character];
  if (known !== undefined) return known;
  if (isPlainText(character) && printable(character) === character && !hidden.test(`x${character}x`)) return character;
  const bytes = isPlainText(character) ? Buffer.from(character) : Buffer.of(character.charCodeAt(0) & 0xff);
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
