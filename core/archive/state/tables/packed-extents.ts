/**
 * Extents of a file as the state database keeps them, some 45 bytes each: five numbers and a digest. A number takes as many bytes as it
 * has groups of seven bits, the lowest first; all but the last have their highest bit set.
 */
import type { Extent } from "../../../format/entries/entry.ts";
import type { ExtentsText } from "../../../format/entries/entry-row.ts";
import { FalseState } from "./false-state.ts";

export type PackedExtents = Uint8Array;

const digestBytes = 32;
/** Numbers are below 2^53, and have eight groups. */
const mostGroups = 8;
const mostBytes = 5 * mostGroups + digestBytes;

export function packExtents(extents: readonly Extent[]): PackedExtents {
  const bytes = Buffer.allocUnsafe(extents.length * mostBytes);
  let at = 0;
  for (const { object, frameOffset, frameLength, offset, length, sha256 } of extents) {
    at = putNumber(bytes, at, object);
    at = putNumber(bytes, at, frameOffset);
    at = putNumber(bytes, at, frameLength);
    at = putNumber(bytes, at, offset);
    at = putNumber(bytes, at, length);
    if (bytes.write(sha256, at, digestBytes, "hex") !== digestBytes) throw new Error(`${sha256} is no SHA-256`);
    at += digestBytes;
  }
  return bytes.subarray(0, at);
}

export function unpackExtents(bytes: PackedExtents): Extent[] {
  const extents: Extent[] = [];
  for (const reader = new ExtentReader(bytes); reader.next(); ) {
    const { object, frameOffset, frameLength, offset, length } = reader;
    extents.push({ object, frameOffset, frameLength, offset, length, sha256: reader.sha256() });
  }
  return extents;
}

/** Returns the object of each extent, in order. */
export function objectsOf(bytes: PackedExtents): number[] {
  const objects: number[] = [];
  for (const reader = new ExtentReader(bytes); reader.next(); ) objects.push(reader.object);
  return objects;
}

/** Returns whether any of the content lies in one of these objects. */
export function restsOn(bytes: PackedExtents, objects: Pick<ReadonlySet<number>, "has">): boolean {
  return objectsOf(bytes).some((object) => objects.has(object));
}

/** Returns the text of extents as `encodeExtents` does, with other numbers for their objects. */
export function extentsText(bytes: PackedExtents, numberOf: (object: number) => number): ExtentsText {
  const texts: string[] = [];
  for (const reader = new ExtentReader(bytes); reader.next(); ) {
    const { object, frameOffset, frameLength, offset, length } = reader;
    texts.push(`[${numberOf(object)},${frameOffset},${frameLength},${offset},${length},"${reader.sha256()}"]`);
  }
  return `[${texts.join(",")}]`;
}

/** Goes from one extent to the next. Throws a FalseState for bytes that no extents were packed into. */
class ExtentReader {
  object = 0;
  frameOffset = 0;
  frameLength = 0;
  offset = 0;
  length = 0;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: PackedExtents) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Returns false at the end. */
  next(): boolean {
    if (this.#at === this.#bytes.length) return false;
    this.object = this.#number();
    this.frameOffset = this.#number();
    this.frameLength = this.#number();
    this.offset = this.#number();
    this.length = this.#number();
    this.#at += digestBytes;
    if (this.#at > this.#bytes.length) throw cutShort();
    return true;
  }

  /** Digest of the current extent, hex. */
  sha256(): string {
    return this.#bytes.toString("hex", this.#at - digestBytes, this.#at);
  }

  #number(): number {
    let number = 0;
    let unit = 1;
    for (let groups = 0; groups < mostGroups; groups += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw cutShort();
      this.#at += 1;
      number += (byte & 0x7f) * unit;
      if (byte < 0x80) return number;
      unit *= 0x80;
    }
    throw new FalseState("an extent in it has a number that is too large");
  }
}

function cutShort(): FalseState {
  return new FalseState("the extents of a file in it are cut short");
}

/** Returns where the number ends. */
function putNumber(bytes: Buffer, from: number, number: number): number {
  let at = from;
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = 0x80 | (rest % 0x80);
  bytes[at++] = rest;
  return at;
}
