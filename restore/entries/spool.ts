/** Keeps lines that are read back in reverse. Only the last few MiB are in memory; the rest waits in a file. */

import { writeAt } from "../../core/system/files/beneath.ts";
import { readAt } from "../../core/system/files/files.ts";

const mostHeld = 4 * 1024 * 1024;

export class Spool {
  #lines: string[] = [];
  #held = 0;
  readonly #blocks: { readonly start: number; readonly length: number }[] = [];
  #end = 0;
  #fd: number | undefined;

  readonly #openFile: () => number;
  readonly #most: number;

  /** `openFile`: opens an empty file for reading and writing; called when the memory is full. */
  constructor(openFile: () => number, most: number = mostHeld) {
    this.#openFile = openFile;
    this.#most = most;
  }

  push(line: string): void {
    this.#lines.push(line);
    this.#held += line.length;
    if (this.#held > this.#most) this.#spill();
  }

  /** Yields the lines, the last one first, each once. Lines hold no newline. */
  *backwards(): Generator<string> {
    yield* this.#lines.toReversed();
    this.#lines = [];
    for (let block = this.#blocks.pop(); block !== undefined; block = this.#blocks.pop()) {
      yield* this.#read(block.start, block.length).toReversed();
    }
  }

  #spill(): void {
    const bytes = Buffer.from(this.#lines.join("\n"));
    this.#fd ??= this.#openFile();
    writeAt(this.#fd, bytes, this.#end);
    this.#blocks.push({ start: this.#end, length: bytes.length });
    this.#end += bytes.length;
    this.#lines = [];
    this.#held = 0;
  }

  #read(start: number, length: number): string[] {
    const fd = this.#fd;
    if (fd === undefined) return [];
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const read = readAt(fd, bytes, done, length - done, start + done);
      if (read === 0) throw new Error("the spool file became shorter");
      done += read;
    }
    return bytes.toString("utf8").split("\n");
  }
}
