/**
 * Reads the content of many files of a part in order of path, as a tar wants it: frames that lie near each other are fetched by one
 * request, and kept until the files that need them come. Files of one backup mostly lie in the order of their paths.
 */
import { isPack, isReadInRanges } from "../../core/format/codecs/encoding.ts";
import { decodeFrame } from "../../core/format/codecs/frame.ts";
import type { Extent, ObjectRef } from "../../core/format/entries/entry.ts";
import { altered } from "../../core/format/error.ts";
import { type ObjectSource, readRange } from "../../core/stored/read.ts";
import { mayReadBetter } from "../../core/stored/second-read.ts";
import { Garbage, release } from "../../core/system/threads/garbage.ts";
import { framesIn } from "../fetching/frames.ts";
import { type Frame, mostHeld, type Read, readsOf } from "../fetching/plan.ts";
import type { RunningContent } from "../fetching/running-content.ts";

/** Requests of which frames are kept, and bytes of decompressed frames. */
const mostReads = 3;
const mostDecoded = 16 * 1024 * 1024;

/** A file, or a segment of one. */
type ExtentHolder = { readonly extents: readonly Extent[] };

/** By offset. `failure`: why there are no more. */
type FetchedFrames = { readonly frames: ReadonlyMap<number, Uint8Array>; readonly failure: unknown };

export class TarContent {
  readonly #bucket: ObjectSource;
  readonly #objects: readonly ObjectRef[];
  readonly #running: RunningContent;
  /** By object and offset of a frame. */
  readonly #reads = new Map<string, Read>();
  readonly #stored = new Map<Read, FetchedFrames>();
  readonly #readAgain = new Set<Read>();
  readonly #decoded = new Map<string, Uint8Array>();
  readonly #garbage = new Garbage();

  constructor(
    bucket: ObjectSource,
    objects: readonly ObjectRef[],
    running: RunningContent,
    files: Iterable<ExtentHolder>,
  ) {
    this.#bucket = bucket;
    this.#objects = objects;
    this.#running = running;
    this.#plan(files);
  }

  /** Yields the bytes of an extent: all at once if they are few, verified. More are verified at their end: then it throws. */
  async *bytesOf(extent: Extent): AsyncGenerator<Uint8Array> {
    const object = this.objectOf(extent);
    if (isPack(object.encoding)) yield verified(await this.#frame(object, extent), extent);
    else if (extent.length <= mostHeld) yield await this.#held(object, extent);
    else yield* this.#flowing(object, extent);
  }

  objectOf({ object: number }: Extent): ObjectRef {
    const object = this.#objects[number];
    if (object === undefined) throw altered("an extent refers to an object that the part does not have");
    return object;
  }

  #plan(files: Iterable<ExtentHolder>): void {
    const byObject = new Map<number, Map<number, Frame>>();
    for (const { extents } of files) {
      for (const { object, frameOffset: offset, frameLength: length } of extents) {
        const encoding = this.#objects[object]?.encoding;
        if (encoding === undefined || !isPack(encoding)) continue;
        const frames = byObject.get(object) ?? new Map<number, Frame>();
        byObject.set(object, frames);
        if (!frames.has(offset)) frames.set(offset, { offset, length, uses: [] });
      }
    }
    for (const [object, frames] of byObject) {
      const sorted = [...frames.values()].sort((one, other) => one.offset - other.offset);
      for (const read of readsOf(sorted, isReadInRanges(this.#objects[object]?.encoding ?? "frames"))) {
        for (const { offset } of read.frames) this.#reads.set(`${object} ${offset}`, read);
      }
    }
  }

  async #frame(object: ObjectRef, { object: number, frameOffset: offset }: Extent): Promise<Uint8Array> {
    const name = `${number} ${offset}`;
    const known = this.#decoded.get(name);
    if (known !== undefined) return known;
    const read = this.#reads.get(name);
    const frame = read?.frames.find((one) => one.offset === offset);
    if (read === undefined || frame === undefined) throw new Error("a frame that was not planned");
    try {
      return this.#keep(name, await decodeFrame(await this.#storedFrame(object, read, frame)));
    } catch (error) {
      if (!mayReadBetter(error)) throw error;
      return this.#keep(name, await decodeFrame(await this.#storedAgain(object, read, frame)));
    }
  }

  #keep(name: string, content: Uint8Array): Uint8Array {
    this.#decoded.set(name, content);
    let bytes = [...this.#decoded.values()].reduce((sum, { length }) => sum + length, 0);
    for (const [oldest, { length }] of this.#decoded) {
      if (bytes <= mostDecoded || oldest === name) break;
      this.#forget(oldest);
      bytes -= length;
    }
    return content;
  }

  #forget(name: string): void {
    const content = this.#decoded.get(name);
    this.#decoded.delete(name);
    if (content !== undefined) release(content);
  }

  async #storedFrame(object: ObjectRef, read: Read, frame: Frame): Promise<Uint8Array> {
    const { frames, failure } = this.#stored.get(read) ?? (await this.#fetch(object, read));
    const stored = frames.get(frame.offset);
    if (stored === undefined) throw failure ?? wrong();
    return stored;
  }

  /**
   * Reads a frame alone, as what is around it may be damaged. Those of a pack that is sealed are read again together, once, as each read
   * opens all that lies before.
   */
  async #storedAgain(object: ObjectRef, read: Read, frame: Frame): Promise<Uint8Array> {
    if (isReadInRanges(object.encoding)) return this.#fetchAlone(object, frame);
    if (!this.#readAgain.has(read)) {
      this.#readAgain.add(read);
      await this.#fetch(object, read);
    }
    return this.#storedFrame(object, read, frame);
  }

  /** Fetches frames. Those behind one that cannot be read are missing. */
  async #fetch(object: ObjectRef, read: Read): Promise<FetchedFrames> {
    const frames = new Map<number, Uint8Array>();
    const range = { start: read.start, length: read.length };
    let failure: unknown;
    try {
      for await (const { frame, stored } of framesIn(read, readRange(this.#bucket, object, range))) {
        // A copy, as it may be a view of what came.
        frames.set(frame.offset, new Uint8Array(stored));
      }
    } catch (error) {
      if (!mayReadBetter(error)) throw error;
      failure = error;
    }
    const fetched = { frames, failure };
    // The latest comes last.
    this.#stored.delete(read);
    this.#stored.set(read, fetched);
    for (const oldest of this.#stored.keys()) {
      if (this.#stored.size <= mostReads) break;
      this.#stored.delete(oldest);
    }
    this.#garbage.left(read.length);
    return fetched;
  }

  async #fetchAlone(object: ObjectRef, { offset, length }: Frame): Promise<Uint8Array> {
    const alone = { start: offset, length, frames: [{ offset, length, uses: [] }] };
    for await (const { stored } of framesIn(alone, readRange(this.#bucket, object, { start: offset, length }))) {
      return new Uint8Array(stored);
    }
    throw wrong();
  }

  async #held(object: ObjectRef, extent: Extent): Promise<Uint8Array> {
    const read = async () => {
      const bytes = Buffer.alloc(extent.length);
      let filled = 0;
      for await (const piece of this.#rawBytes(object, extent)) {
        bytes.set(piece, filled);
        filled += piece.length;
      }
      this.#garbage.left(bytes.length);
      return verified(bytes, { ...extent, offset: 0 });
    };
    try {
      return await read();
    } catch (error) {
      await this.#running.close();
      if (!mayReadBetter(error)) throw error;
      return read();
    }
  }

  async *#flowing(object: ObjectRef, extent: Extent): AsyncGenerator<Uint8Array> {
    const hash = new Bun.CryptoHasher("sha256");
    try {
      for await (const piece of this.#rawBytes(object, extent)) {
        hash.update(piece);
        yield piece;
      }
    } catch (error) {
      await this.#running.close();
      throw error;
    }
    if (hash.digest("hex") !== extent.sha256) throw wrong();
  }

  /** Yields exactly the bytes of an extent in an object without frames, not verified. Throws if the object ends before. */
  async *#rawBytes(object: ObjectRef, { offset, length }: Extent): AsyncGenerator<Uint8Array> {
    const { start, content } = await this.#running.from(object, offset);
    let at = start;
    const end = offset + length;
    if (length === 0) return;
    for await (const piece of content) {
      const from = Math.max(0, offset - at);
      const bytes = piece.subarray(from, end - at);
      at += piece.length;
      if (bytes.length > 0 && from < piece.length) yield bytes;
      if (at >= end) return;
    }
    throw wrong();
  }
}

function verified(content: Uint8Array, { offset, length, sha256 }: Extent): Uint8Array {
  const bytes = content.subarray(offset, offset + length);
  if (bytes.length < length || Bun.SHA256.hash(bytes, "hex") !== sha256) throw wrong();
  return bytes;
}

function wrong(): Error {
  return altered("it does not hold what the manifest says");
}
