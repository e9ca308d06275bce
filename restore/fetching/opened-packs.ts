/**
 * Packs that are sealed as a whole, opened: their frames cannot be read alone. Files of one part and the next lie in few packs, and a dump
 * goes back and forth between some. The last ones are held in memory, in buffers that are used again.
 */
import { isPack, isReadInRanges } from "../../core/format/codecs/encoding.ts";
import type { ObjectRef } from "../../core/format/entries/entry.ts";
import { Budget } from "../../core/side-by-side.ts";
import { gather, once } from "../../core/stored/bytes.ts";
import { type ObjectSource, readContent } from "../../core/stored/read.ts";
import { readTwice } from "../../core/stored/second-read.ts";
import { release } from "../../core/system/threads/garbage.ts";

const nothing = new Uint8Array();
/** Bytes of a pack that is held, stored and opened: of one, writers make 16 MiB unless conf says otherwise. */
const largest = 24 * 1024 * 1024;

/** Where an object can be read in ranges, and what it is there: until it is disposed of. */
export type ReadablePack = Disposable & { readonly bucket: ObjectSource; readonly object: ObjectRef };

/** `most`: packs that are held. `atOnce`: those in use at a time, fewer or as many. */
type OpenedPacksLimits = { readonly most: number; readonly atOnce: number };

/** `content`: undefined if a command opens it to more than is held. */
type HeldPack = { content: Promise<Uint8Array | undefined>; users: number };

export class OpenedPacks {
  readonly #bucket: ObjectSource;
  readonly #most: number;
  readonly #inUse: Budget;
  /** The one that was used last comes last. */
  readonly #held = new Map<string, HeldPack>();

  constructor(bucket: ObjectSource, { most, atOnce }: OpenedPacksLimits) {
    this.#bucket = bucket;
    this.#most = most;
    this.#inUse = new Budget(atOnce);
  }

  /** Returns whether an object is opened as a whole. Larger ones are read from the bucket each time. */
  opens({ encoding, size }: ObjectRef): boolean {
    return isPack(encoding) && !isReadInRanges(encoding) && size <= largest;
  }

  /** Returns whether an object is in memory. */
  holds(object: ObjectRef): boolean {
    return this.#held.has(nameOf(object));
  }

  /**
   * Opens a pack, or takes it out of memory, when few enough are in use. One that opens to more than is held is read from the bucket each
   * time. Throws as reading does.
   */
  async open(object: ObjectRef): Promise<ReadablePack> {
    await this.#inUse.take(1);
    const name = nameOf(object);
    const pack = this.#held.get(name) ?? { content: this.#read(object), users: 0 };
    pack.users += 1;
    this.#held.delete(name);
    this.#held.set(name, pack);
    const leave = () => {
      pack.users -= 1;
      this.#inUse.give(1);
    };
    try {
      const content = await pack.content;
      const source = content === undefined ? { bucket: this.#bucket, object } : readable(object, content);
      return { ...source, [Symbol.dispose]: leave };
    } catch (error) {
      if (this.#held.get(name) === pack) this.#held.delete(name);
      leave();
      throw error;
    }
  }

  async #read(object: ObjectRef): Promise<Uint8Array | undefined> {
    const memory = await this.#memoryFor(object);
    // One more byte shows that it is too long.
    const content = await readTwice(() => gather(readContent(this.#bucket, object, largest + 1), nothing, memory));
    if (content.length <= largest) return content;
    release(new Uint8Array(content.buffer));
    return undefined;
  }

  /** Returns the memory of the pack that was not used for longest if no more may be held; else new one. */
  async #memoryFor({ size }: ObjectRef): Promise<Uint8Array> {
    // More than any range of it, as what is read is released if it is all of a buffer.
    const needed = size + 1;
    if (this.#held.size < this.#most) return Buffer.allocUnsafeSlow(needed);
    const [name, oldest] = this.#held.entries().find(([, { users }]) => users === 0) ?? [];
    if (name === undefined || oldest === undefined) return Buffer.allocUnsafeSlow(needed);
    this.#held.delete(name);
    const content = await oldest.content;
    if (content === undefined) return Buffer.allocUnsafeSlow(needed);
    const whole = new Uint8Array(content.buffer);
    if (whole.length >= needed) return whole;
    release(whole);
    return Buffer.allocUnsafeSlow(needed);
  }
}

function nameOf({ key, version }: ObjectRef): string {
  return `${key} ${version}`;
}

function readable(object: ObjectRef, content: Uint8Array): Pick<ReadablePack, "bucket" | "object"> {
  const bucket: ObjectSource = {
    get: (_, { range = { start: 0, length: content.length } } = {}) =>
      once(content.subarray(range.start, range.start + range.length)),
  };
  return { bucket, object: { ...object, size: content.length, encoding: "frames" } };
}
