/** Listens to a snapshotter's stdout: a description, and how to restore. */

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
  #commandIsCut = false;

  /** The last 1,000 characters, without the lines that say how to restore; undefined if there is nothing. */
  get description(): string | undefined {
    return Array.from(this.#description.trim()).slice(-longestDescription).join("").trim() || undefined;
  }

  /** The command of the last line that has one; undefined if there is none, or it was longer than 64 KiB. */
  get restoreThrough(): string | undefined {
    return this.#commandIsCut ? undefined : this.#command;
  }

  /** Whether the last line that says how to restore was longer than 64 KiB: half a command is worse than none. */
  get commandIsCut(): boolean {
    return this.#commandIsCut;
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
      this.#commandIsCut = this.#lineIsCut;
    } else {
      // Twice the length, since a character may be two code units.
      this.#description = `${this.#description}${line}\n`.slice(-2 * longestDescription - 1);
    }
    this.#line = Buffer.alloc(0);
    this.#lineIsCut = false;
  }
}
