/** Listens to a snapshotter's stdout: a description, and how to restore. */
import { isUtf8 } from "node:buffer";

const marker = "::restore-through::";
/** Bytes of one line; what is beyond is dropped while it is read. */
const longestLine = 64 * 1024;
const longestDescription = 1000;
const newline = 10;

export class Talk {
  #line: Buffer = Buffer.alloc(0);
  #lineIsCut = false;
  #description = "";
  #command: string | undefined;
  #commandTrouble: string | undefined;

  /** The last 1,000 characters, without the lines that say how to restore; undefined if there is nothing. */
  get description(): string | undefined {
    return Array.from(this.#description.trim()).slice(-longestDescription).join("").trim() || undefined;
  }

  /** The command of the last line that has one; undefined if there is none, or it cannot be kept as it is. */
  get restoreThrough(): string | undefined {
    return this.#commandTrouble === undefined ? this.#command : undefined;
  }

  /** Why the last command is not kept: a part of one, or one with other bytes, is worse than none. */
  get commandTrouble(): string | undefined {
    return this.#commandTrouble;
  }

  hear(bytes: Uint8Array): void {
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      this.#append(bytes.subarray(start, end));
      this.#endLine();
      start = end + 1;
    }
    this.#append(bytes.subarray(start));
  }

  /** Treats an unfinished last line as a whole one. */
  end(): void {
    if (this.#line.length > 0) this.#endLine();
  }

  #append(bytes: Uint8Array): void {
    const room = longestLine - this.#line.length;
    this.#lineIsCut ||= bytes.length > room;
    this.#line = Buffer.concat([this.#line, bytes.subarray(0, room)]);
  }

  #endLine(): void {
    const line = this.#line.toString("utf8").trim();
    if (line.startsWith(marker)) {
      this.#command = line.slice(marker.length).trim() || undefined;
      this.#commandTrouble = this.#troubleOf(line);
    } else {
      // Twice the length, since a character may be two code units.
      this.#description = `${this.#description}${line}\n`.slice(-2 * longestDescription - 1);
    }
    this.#line = Buffer.alloc(0);
    this.#lineIsCut = false;
  }

  #troubleOf(line: string): string | undefined {
    if (this.#lineIsCut) return "longer than 64 KiB";
    if (line.includes("\0")) return "with a NUL in it";
    if (!isUtf8(this.#line)) return "that is not UTF-8";
    return undefined;
  }
}
