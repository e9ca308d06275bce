/**
 * What a picker prints, cut into records: lines, or NUL-separated records where it prints NULs.
 *
 * A NUL among the first 64 KiB makes all of the output NUL-separated, so a first name with a newline in it is whole.
 * Where there is none, the output is lines, and a NUL that comes later changes that from its own record on: each newline
 * before it has ended a record, none after it does. Nothing is given out before this is decided.
 */
import { type ByteString, fromBytes } from "../../../format/path.ts";

/** How much is looked at before the separator is decided, in bytes. @internal */
export const decidedAfter = 64 * 1024;

/** PATH_MAX without its final NUL, in bytes. */
export const longestPath = 4095;

export class RecordSplitter {
  #held = "";
  #separator: "\n" | "\0" | undefined;
  #lateNul = false;
  #tooLong = 0;
  #firstTooLong: ByteString | undefined;

  /** Whether a NUL came after the output had been taken for lines. */
  get lateNul(): boolean {
    return this.#lateNul;
  }

  /** How many records were longer than a path can be, and were dropped. */
  get tooLong(): number {
    return this.#tooLong;
  }

  /** How the first of them began. */
  get firstTooLong(): ByteString | undefined {
    return this.#firstTooLong;
  }

  /** The records that are complete now; empty ones are left out. */
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
   * What was held back, and what follows the last separator; but not that where the output was cut off: the beginning of
   * a path is another path.
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
    // Cut to bound the memory, but still too long to pass for a path once its end has come.
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

const untidy = /\/(?:\/|\.(?:\/|$)|$)/;

/**
 * The record as an absolute path; relative ones start at `/`, where pickers run. Doubled slashes, `.` and a slash at the end go.
 * `..` stays, because what it leads to depends on links.
 */
export function absolutePath(record: ByteString): ByteString {
  const path = record.startsWith("/") ? record : `/${record}`;
  if (!untidy.test(path)) return path as ByteString;
  return `/${path
    .split("/")
    .filter((step) => step !== "" && step !== ".")
    .join("/")}` as ByteString;
}
