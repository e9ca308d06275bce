/**
 * Names of unfinished things. Nobody can guess them, and each is used once. The next restore recognises by them what a
 * killed one has left, and removes it.
 */
import type { ByteString } from "../core/format/path.ts";

/** Gives so many random bytes, fit for secrets. */
export type RandomBytes = (length: number) => Uint8Array;

const randomLength = 16;
const folderPattern = /^\.sysbackup-[0-9a-f]{32}$/;
const namePattern = /^\.sysbackup-[0-9a-f]{32}-[0-9a-z]+$/;

export class TemporaryNames {
  readonly #random: RandomBytes;
  readonly #prefix: string;
  #count = 0;

  constructor(random: RandomBytes) {
    this.#random = random;
    this.#prefix = this.folder();
  }

  /** For a file, link, node or folder that gets another name when it is whole. */
  next(): ByteString {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}` as ByteString;
  }

  /** For a folder in which things are made. */
  folder(): ByteString {
    return `.sysbackup-${this.digits(randomLength)}` as ByteString;
  }

  /** Two random hex digits a byte. */
  digits(length: number): string {
    return Buffer.from(this.#random(length)).toString("hex");
  }
}

/** True of the names that `next` gives, to any restore. */
export function isTemporary(name: ByteString): boolean {
  return namePattern.test(name);
}

/** True of the names that `folder` gives, to any restore. */
export function isStagingName(name: ByteString): boolean {
  return folderPattern.test(name);
}
