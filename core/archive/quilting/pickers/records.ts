/**
 * Cuts a picker's output into records: lines, or NUL-separated records if it prints NULs.
 *
 * A NUL in the first 64 KiB makes the whole output NUL-separated, so a first name with a newline in it stays whole. If
 * there is none, the output is lines. A later NUL changes that from its own record on: newlines before it have ended
 * records, newlines after it do not. No record is returned before this is decided.
 */
import { type ByteString, fromBytes } from "../../../format/path.ts";

/** Bytes that decide about the separator. @internal */
export const decidedAfter = 64 * 1024;

/** Longest path in bytes: PATH_MAX without the final NUL. */
export const longestPath = 4095;

export class RecordSplitter {
  #held = "";
  #separator: "\n" | "\0" | undefined;
  #lateNul = false;
  #tooLong = 0;
  #firstTooLong: ByteString | undefined;

  /** True if a NUL came after the output was taken for lines. */
  get lateNul(): boolean {
    return this.#lateNul;
  }

  /** Whether records are lines, which may end as those of other systems do. */
  get areLines(): boolean {
    return this.#separator === "\n";
  }

  /** Number of records that were dropped, since they are longer than any path. */
  get tooLong(): number {
    return this.#tooLong;
  }

  /** Beginning of the first dropped record. */
  get firstTooLong(): ByteString | undefined {
    return this.#firstTooLong;
  }

  /** Returns the records that are complete now, without empty ones. */
  push(bytes: Uint8Array): ByteString[] {
    const before = this.#held.length;
    const fresh = fromBytes(bytes);
    const nul = fresh.indexOf("\0");
    this.#held += fresh;
    if (this.#separator === undefined) {
      if (nul >= 0 && before + nul < decidedAfter) this.#separator = "\0";
      else if (this.#held.length >= decidedAfter) this.#separator = "\n";
      else return [];
    }
    if (this.#separator === "\n" && nul >= 0) return this.#switchAt(before + nul);
    return this.#cut();
  }

  /**
   * Returns the records that were held back, and the last one, which has no separator. Drops that one if the output was
   * cut off: the beginning of a path is another path.
   */
  end({ cutOff = false }: { readonly cutOff?: boolean } = {}): ByteString[] {
    this.#separator ??= "\n";
    if (!cutOff) this.#held += this.#separator;
    return this.#cut();
  }

  #switchAt(nul: number): ByteString[] {
    const rest = this.#held.slice(nul + 1);
    this.#held = `${this.#held.slice(0, nul)}\n`;
    const lines = this.#cut();
    this.#lateNul = true;
    this.#separator = "\0";
    this.#held = rest;
    return [...lines, ...this.#cut()];
  }

  #cut(): ByteString[] {
    const records = this.#held.split(this.#separator ?? "\n");
    // Bounds the memory; the record is still too long for a path when its end comes.
    this.#held = (records.pop() ?? "").slice(0, longestPath + 1);
    return records.filter((record): record is ByteString => this.#passes(record));
  }

  #passes(record: string): boolean {
    if (record.length <= longestPath) return record !== "";
    this.#tooLong += 1;
    this.#firstTooLong ??= fromBytes(Buffer.from(record.slice(0, 60), "latin1"));
    return false;
  }
}

const padded = /^[\t-\r ]|[\t-\r ]$/;

/**
 * Returns a line without the spaces and the CR around it if nothing has that very name, and something has the other; empty if it has no
 * more.
 */
export function unpadded(line: ByteString, exists: (path: ByteString) => boolean): ByteString {
  if (!padded.test(line)) return line;
  const stripped = line.replace(/^[\t-\r ]+|[\t-\r ]+$/g, "") as ByteString;
  if (exists(absolutePath(line))) return line;
  return stripped === "" || exists(absolutePath(stripped)) ? stripped : line;
}

const untidy = /\/(?:\/|\.(?:\/|$)|$)/;

/**
 * Returns the record as an absolute path; relative ones start at `/`, in which pickers run. Removes doubled slashes, `.`
 * and a slash at the end. Keeps `..`, whose target depends on links.
 */
export function absolutePath(record: ByteString): ByteString {
  const path = record.startsWith("/") ? record : `/${record}`;
  if (!untidy.test(path)) return path as ByteString;
  return `/${path
    .split("/")
    .filter((step) => step !== "" && step !== ".")
    .join("/")}` as ByteString;
}
