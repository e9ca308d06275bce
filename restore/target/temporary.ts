/**
 * Names of unfinished files, links, nodes and folders. Nobody can guess them, and each is used once. By these names, the
 * next restore recognises what a killed one has left, and removes it.
 */
import type { Extent, FileEntry } from "../../core/format/entries/entry.ts";
import type { ByteString } from "../../core/format/path.ts";

/** Returns `length` random bytes that are fit for secrets. */
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

  /** Returns a name for a file, link, node or folder that gets its own name when it is whole. */
  next(): ByteString {
    this.#count += 1;
    return `${this.#prefix}-${this.#count.toString(36)}` as ByteString;
  }

  /** Returns a name for a staging folder. */
  folder(): ByteString {
    return `.sysbackup-${this.digits(randomLength)}` as ByteString;
  }

  /** Returns two random hex digits for each byte. */
  digits(length: number): string {
    return Buffer.from(this.#random(length)).toString("hex");
  }
}

/** Returns whether a name is one that `next` makes, in any restore. */
export function isTemporary(name: ByteString): boolean {
  return namePattern.test(name);
}

/**
 * Returns the name of a large file that is not finished: the same in each restore, so that the next one goes on with it. Only
 * for folders that nobody else can enter.
 */
export function largeFileName({ path, size, extents, continued }: LargeFile): ByteString {
  const hash = new Bun.CryptoHasher("sha256").update(`${size} ${path}`);
  if (continued !== undefined) hash.update(` ${continued.sha256}`);
  for (const { length, sha256 } of extents) hash.update(` ${length} ${sha256}`);
  return `.sysbackup-${hash.digest("hex").slice(0, 2 * randomLength)}${largeSuffix}` as ByteString;
}

/** What tells one large file from another. */
type LargeFile = Pick<FileEntry, "path" | "size" | "continued"> & {
  readonly extents: readonly Pick<Extent, "length" | "sha256">[];
};

const largeSuffix = "-large";

/** Returns whether a name is one that `largeFileName` makes, in any restore. */
export function isLargeFile(name: ByteString): boolean {
  return isTemporary(name) && name.endsWith(largeSuffix);
}

/** Returns whether a name is one that `folder` makes, in any restore. */
export function isStagingName(name: ByteString): boolean {
  return folderPattern.test(name);
}
