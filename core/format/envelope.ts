/**
 * The first and the last of an object's JSON lines. The first says what format it is; the last line of a manifest's root and of
 * an index object says that all of it is there.
 */
import { z } from "zod";
import { altered, FormatError } from "./error.ts";
import { count, parseAs, toLine } from "./lines.ts";

export type Format = { readonly format: string; readonly version: number };

const firstLine = z.object({ format: z.string(), version: count.min(1) });
const footerStart = Buffer.from('{"footer":');
const newline = 10;

/** Throws a FormatError: of kind `newer` if a later sysbackup wrote it, `altered` if it is something else. */
export function checkFormat(document: unknown, { format, version }: Format): void {
  const found = parseAs(firstLine, document, "the first line");
  if (found.format !== format) throw altered(`it is a ${JSON.stringify(found.format)}, not a ${format}`);
  if (found.version > version) throw new FormatError("newer", `it has format version ${found.version}`);
}

/** Yields the lines, then `{"footer":{"digest":…}}` with the SHA-256 of all of them. */
export function* withFooter(lines: Iterable<string>): Generator<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const line of lines) {
    hash.update(line);
    yield line;
  }
  yield footerLine(hash.digest("hex"));
}

/** Returns the bytes before the footer. Refuses any missing, added or changed byte, in the footer too. */
export function withoutFooter(bytes: Uint8Array): Uint8Array {
  const start = bytes.lastIndexOf(newline, Math.max(0, bytes.length - 2)) + 1;
  const body = bytes.subarray(0, start);
  const footer = bytes.subarray(start);
  if (!footerStart.equals(footer.subarray(0, footerStart.length))) throw altered("it is cut short: it has no footer");
  const digest = new Bun.CryptoHasher("sha256").update(body).digest("hex");
  if (!Buffer.from(footerLine(digest)).equals(footer)) throw altered("its content does not match its footer's digest");
  return body;
}

function footerLine(digest: string): string {
  return toLine({ footer: { digest } });
}
