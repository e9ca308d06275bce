/**
 * The first and the last of an object's JSON lines. The first says what format it is; the last line of a manifest's root and of
 * an index object says that all of it is there.
 */
import { z } from "zod";
import { altered, FormatError } from "../error.ts";
import { count, parseAs, toLine } from "./lines.ts";

export type Format = { readonly format: string; readonly version: number };

const firstLine = z.object({ format: z.string(), version: count.min(1) });
const footerStart = Buffer.from('{"footer":');

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

/** Checks lines as they come against the footer, which is the last one. */
export class FooterCheck {
  readonly #hash = new Bun.CryptoHasher("sha256");

  /** Takes each line but the last, with its newline. */
  pass(line: Uint8Array): void {
    this.#hash.update(line);
  }

  /** Returns the SHA-256 of what was passed so far, hex. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Throws a FormatError if `last` is not the footer of what was passed; undefined if there was no line. */
  end(last: Uint8Array | undefined): void {
    if (last === undefined || !footerStart.equals(last.subarray(0, footerStart.length))) throw noFooter();
    if (!Buffer.from(footerLine(this.digest())).equals(last)) throw otherDigest();
  }
}

const noFooter = () => altered("it is cut short: it has no footer");
const otherDigest = () => altered("its content does not match its footer's digest");

function footerLine(digest: string): string {
  return toLine({ footer: { digest } });
}
