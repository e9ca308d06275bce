/**
 * The content of one large object at a time, read on from where the last reading of it was left: the parts of a bundle's table of
 * contents need it one after the other, in the order in which it comes. What lies before is read again, from the beginning.
 */

import type { ByteStream } from "../../core/format/codecs/zlib.ts";
import type { ObjectRef } from "../../core/format/entries/entry.ts";
import { type ObjectSource, readContent } from "../../core/stored/read.ts";

type RunningObject = {
  readonly object: ObjectRef;
  readonly pieces: AsyncIterator<Uint8Array>;
  /** The piece that was read last, as what is behind its wanted bytes may be wanted next, and where it begins. */
  piece: Uint8Array;
  start: number;
};

const nothing = new Uint8Array();

export class RunningContent implements AsyncDisposable {
  readonly #bucket: ObjectSource;
  #open: RunningObject | undefined;

  constructor(bucket: ObjectSource) {
    this.#bucket = bucket;
  }

  /** Returns content that begins at `start`, which is not behind `offset`. One reading at a time. */
  async from(object: ObjectRef, offset: number): Promise<{ readonly start: number; readonly content: ByteStream }> {
    const isSame = this.#open?.object.key === object.key && this.#open.object.version === object.version;
    if (!isSame || this.#open === undefined || this.#open.start > offset) {
      await this.close();
      const pieces = readContent(this.#bucket, object, Number.MAX_SAFE_INTEGER)[Symbol.asyncIterator]();
      this.#open = { object, pieces, piece: nothing, start: 0 };
    }
    return { start: this.#open.start, content: following(this.#open) };
  }

  /** Ends the request, if one is under way. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.pieces.return?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function* following(open: RunningObject): AsyncGenerator<Uint8Array> {
  if (open.piece.length > 0) yield open.piece;
  for (;;) {
    const next = await open.pieces.next();
    if (next.done) return;
    open.start += open.piece.length;
    open.piece = next.value;
    yield next.value;
  }
}
