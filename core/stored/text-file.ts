/** Keeps a text that is too long for memory in a file without a name. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ByteStream } from "../format/codecs/zlib.ts";
import type { Text } from "../format/lines/lines.ts";

export type OpenText = Text & Disposable;

export async function textInFile(content: ByteStream): Promise<OpenText> {
  const text = new TextFile();
  try {
    for await (const piece of content) text.add(piece);
    return text;
  } catch (error) {
    text[Symbol.dispose]();
    throw error;
  }
}

/** Bytes that are read at a time. */
const ahead = 256 * 1024;

class TextFile implements OpenText {
  readonly #fd: number;
  #block: Buffer = Buffer.alloc(0);
  /** What of the file is in the block. */
  #from = 0;
  #to = 0;
  length = 0;

  constructor() {
    const path = join(tmpdir(), `.sysbackup-${crypto.randomUUID()}`);
    // Nobody else may have made it, or may open it.
    this.#fd = openSync(path, "wx+", 0o600);
    unlinkSync(path);
  }

  add(piece: Uint8Array): void {
    for (let done = 0; done < piece.length; )
      done += writeSync(this.#fd, piece, done, piece.length - done, this.length + done);
    this.length += piece.length;
  }

  read(start: number, end: number): Uint8Array {
    const to = Math.max(start, Math.min(end, this.length));
    if (start < this.#from || to > this.#to) this.#load(start, Math.max(to, Math.min(start + ahead, this.length)));
    return this.#block.subarray(start - this.#from, to - this.#from);
  }

  #load(from: number, to: number): void {
    const length = to - from;
    if (this.#block.length < length) this.#block = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const read = readSync(this.#fd, this.#block, done, length - done, from + done);
      if (read === 0) throw new Error("a file of this program became shorter");
      done += read;
    }
    this.#from = from;
    this.#to = to;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
