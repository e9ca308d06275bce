/**
 * Packs that are sealed as a whole, opened: their frames cannot be read alone, and a dump goes back and forth between few packs. The
 * last ones are held in memory.
 */
import { isPack, isReadInRanges } from "../../core/format/encoding.ts";
import type { ObjectRef } from "../../core/format/entry.ts";
import { gather, once } from "../../core/stored/bytes.ts";
import { type ObjectSource, readContent } from "../../core/stored/read.ts";
import { readTwice } from "../../core/stored/second-read.ts";

const nothing = new Uint8Array();
const mostHeld = 4;
/** Bytes of a pack that is held: of one, writers make 16 MiB unless conf says otherwise. */
const largest = 24 * 1024 * 1024;

/** Where an object can be read in ranges, and what it is there. */
export type ReadablePack = { readonly bucket: ObjectSource; readonly object: ObjectRef };

export class OpenedPacks {
  readonly #bucket: ObjectSource;
  /** The one that was used last comes last. */
  readonly #held = new Map<string, ReadablePack>();

  constructor(bucket: ObjectSource) {
    this.#bucket = bucket;
  }

  /** Whether an object is opened as a whole. Larger ones are read from the bucket each time. */
  opens({ encoding, size }: ObjectRef): boolean {
    return isPack(encoding) && !isReadInRanges(encoding) && size <= largest;
  }

  /** Opens a pack, or takes it out of memory. One at a time. Throws as reading does. */
  async open(object: ObjectRef): Promise<ReadablePack> {
    const name = `${object.key} ${object.version}`;
    const pack = this.#held.get(name) ?? (await this.#read(object));
    this.#held.delete(name);
    this.#held.set(name, pack);
    const [oldest] = this.#held.keys();
    if (this.#held.size > mostHeld && oldest !== undefined) this.#held.delete(oldest);
    return pack;
  }

  async #read(object: ObjectRef): Promise<ReadablePack> {
    const content = await readTwice(() => {
      const opened = readContent(this.#bucket, object, largest);
      return gather(opened, nothing, Buffer.allocUnsafeSlow(object.size));
    });
    const bucket: ObjectSource = {
      get: (_, { range = { start: 0, length: content.length } } = {}) =>
        once(content.subarray(range.start, range.start + range.length)),
    };
    return { bucket, object: { ...object, size: content.length, encoding: "frames" } };
  }
}
