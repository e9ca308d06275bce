/**
 * Strings and numbers as SSH writes them (RFC 4251): in its keys and signatures, numbers are of four bytes, and strings have their length
 * before them.
 */
import { altered } from "../error.ts";

export function sshNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sshString(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([sshNumber(bytes.length), bytes]);
}

/** Reads one after the other. Throws a FormatError at what is cut short. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    if (taken.length < length) throw altered("it is cut short");
    this.#at += length;
    return taken;
  }

  number(): number {
    return this.take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.take(this.number());
  }

  /** Throws a FormatError if anything is left. */
  end(): void {
    if (this.#at < this.#bytes.length) throw altered("something follows it");
  }
}

/** Puts bytes between two lines, in base64. */
export function armored(what: string, content: Uint8Array): string {
  const lines =
    Buffer.from(content)
      .toString("base64")
      .match(/.{1,70}/g) ?? [];
  return `-----BEGIN ${what}-----\n${lines.join("\n")}\n-----END ${what}-----\n`;
}

/** Undoes `armored`. Throws a FormatError for anything else. */
export function unarmored(what: string, text: string): Buffer {
  const lines = text.trim().split(/\r?\n/);
  const inner = lines.slice(1, -1);
  const isFramed = lines[0] === `-----BEGIN ${what}-----` && lines.at(-1) === `-----END ${what}-----`;
  if (!isFramed || !inner.every((line) => /^[A-Za-z0-9+/]*=*$/.test(line))) throw altered(`it is no ${what}`);
  return Buffer.from(inner.join(""), "base64");
}
