/**
 * Puts index objects, or verified objects, for what was found in packs and content: each with about 100,000 chunks, or 4 GiB of
 * stored bytes.
 */
import type { Retention } from "../bucket/contract.ts";
import type { Encoding } from "../format/codecs/encoding.ts";
import type { Extension, IndexedFrame, IndexedObject, IndexLine } from "../format/index/index-object.ts";
import { idAfter } from "../format/keys/index-id.ts";
import { type RunId, stampOf } from "../format/keys/keys.ts";
import { type WriteTarget, writeBytes } from "../stored/write.ts";

const enoughLines = 100_000;
/** So that a rebuild that is interrupted has little to read again. */
const enoughBytes = 4 * 1024 ** 3;

export type InventoryWriterDeps = {
  readonly bucket: WriteTarget["bucket"];
  /** The key of an object, and its text. */
  readonly keyOf: (id: RunId) => string;
  readonly encode: (lines: Iterable<IndexLine>) => Iterable<string>;
  readonly run: string;
  readonly retention: Retention;
  readonly now: () => Date;
  /** Stamp of the newest object of its kind. */
  readonly last: string | undefined;
};

/** What was found in a stored object. The writer gives it its number. */
export type FoundObject = {
  readonly encoding: Encoding;
  readonly frames: readonly {
    readonly offset: number;
    readonly length: number;
    readonly chunks: IndexedFrame[3];
  }[];
};

export class InventoryWriter {
  readonly #deps: InventoryWriterDeps;
  #last: string | undefined;
  #lines: IndexLine[] = [];
  #objects = 0;
  #weight = 0;
  #bytes = 0;
  #put: Promise<void> = Promise.resolve();
  /** How many index objects were put. */
  written = 0;
  /** How many packs and contents they introduce. */
  writtenObjects = 0;

  constructor(deps: InventoryWriterDeps) {
    this.#deps = deps;
    this.#last = deps.last;
  }

  /** Resolves when there is room for more. Errors of earlier puts come here too. */
  async add(object: IndexedObject, frames: FoundObject["frames"]): Promise<void> {
    this.#lines.push({ object });
    this.#weight += 1;
    for (const { offset, length, chunks } of frames) {
      this.#lines.push({ frame: [this.#objects, offset, length, chunks] });
      this.#weight += chunks.length;
    }
    this.#objects += 1;
    this.#bytes += object.size;
    // The first object is put at once: if that is refused, it shows before much was read.
    const enough = this.#weight >= enoughLines || this.#bytes >= enoughBytes || this.#last === this.#deps.last;
    if (enough) await this.finish();
  }

  /** Takes the lock of an object that such an object has already. */
  async addExtension(extended: Extension): Promise<void> {
    this.#lines.push({ extended });
    this.#weight += 1;
    if (this.#weight >= enoughLines) await this.finish();
  }

  /** Puts what is left. */
  async finish(): Promise<void> {
    const lines = this.#lines;
    if (lines.length === 0) return this.#put;
    this.#lines = [];
    this.#objects = this.#weight = this.#bytes = 0;
    const { run, now, keyOf } = this.#deps;
    const id = idAfter(this.#last, { start: now(), run });
    this.#last = stampOf(id.start);
    const key = keyOf(id);
    // One after the other, so that keys appear in their order.
    this.#put = this.#put.then(() => this.#putLines(key, lines));
    await this.#put;
  }

  async #putLines(key: string, lines: readonly IndexLine[]): Promise<void> {
    const { bucket, encode, retention } = this.#deps;
    const text = Buffer.from([...encode(lines)].join(""));
    await writeBytes({ bucket, retention, filters: [] }, { key, codec: "frame", content: text });
    this.written += 1;
    this.writtenObjects += lines.filter((line) => "object" in line).length;
  }
}
