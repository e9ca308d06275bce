/** Decompresses one zstd frame of any length in bounded memory, whatever its bytes claim. */
import { altered } from "../error.ts";
import { blockHeaderBytes, blockKind, checksumBytes, decodeFrame, decodeHeader } from "./frame.ts";
import { type ByteStream, unzstd } from "./zlib.ts";

/** A decompressor keeps so much of the content at hand: what level 19 of zstd takes, the highest. */
const largestWindow = 8 * 1024 * 1024;
/** Frames up to these sizes are decompressed at once, which is several times faster. */
const mostAtOnce = { stored: 256 * 1024, content: 4 * 1024 * 1024 } as const;

/**
 * Yields the content in pieces. Throws a FormatError if it is not exactly one frame that states its size, or if that is more than
 * `most`; all before that may have been yielded. `admit` is called with its size, and waited for, before anything is decompressed.
 */
export async function* contentOfFrame(
  stored: ByteStream,
  most: number,
  admit: (size: number) => Promise<void> = () => Promise.resolve(),
): AsyncGenerator<Uint8Array> {
  const iterator = stored[Symbol.asyncIterator]();
  try {
    const { beginning, ended } = await readBeginning(iterator);
    const { contentSize } = decodeHeader(beginning);
    await admit(contentSize);
    if (ended && contentSize <= mostAtOnce.content) yield await decodeFrame(beginning, most);
    else yield* unzstd(oneFrame(beginning, iterator, most));
  } finally {
    await iterator.return?.();
  }
}

async function readBeginning(iterator: AsyncIterator<Uint8Array>) {
  const pieces: Uint8Array[] = [];
  for (let size = 0; size <= mostAtOnce.stored; ) {
    const { value, done } = await iterator.next();
    if (done) return { beginning: Buffer.concat(pieces), ended: true };
    pieces.push(value);
    size += value.length;
  }
  return { beginning: Buffer.concat(pieces), ended: false };
}

async function* oneFrame(
  beginning: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  most: number,
): AsyncGenerator<Uint8Array> {
  const header = decodeHeader(beginning);
  if (header.contentSize > most) {
    throw altered(`a zstd frame says that it holds ${header.contentSize} bytes, more than the ${most} allowed`);
  }
  if (header.window > largestWindow) throw altered("a zstd frame wants more memory than any that sysbackup writes");
  const walk = new BlockWalk(header.checksum);
  walk.pass(beginning.subarray(header.length));
  yield beginning;
  for (let next = await rest.next(); !next.done; next = await rest.next()) {
    walk.pass(next.value);
    yield next.value;
  }
  walk.end();
}

/** Follows the blocks of a frame, to its end and no further: a decompressor would go on to the next frame. */
class BlockWalk {
  readonly #trailer: number;
  readonly #header = Buffer.alloc(blockHeaderBytes);
  /** Bytes of the next block's header that have come. */
  #known = 0;
  /** Bytes left of the current block, or of the trailer. */
  #left = 0;
  #last = false;

  constructor(checksum: boolean) {
    this.#trailer = checksum ? checksumBytes : 0;
  }

  pass(piece: Uint8Array): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, piece.length - at);
        this.#left -= taken;
        at += taken;
        continue;
      }
      if (this.#last) throw altered("something follows a zstd frame");
      this.#header[this.#known] = piece[at] ?? 0;
      this.#known += 1;
      at += 1;
      if (this.#known === blockHeaderBytes) this.#begin(this.#header.readUIntLE(0, blockHeaderBytes));
    }
  }

  end(): void {
    if (!this.#last || this.#left > 0) throw altered("a zstd frame is cut short");
  }

  #begin(block: number): void {
    const kind = (block >> 1) & 0b11;
    if (kind === blockKind.reserved) throw altered("a zstd frame holds a block of no known kind");
    this.#known = 0;
    this.#last = (block & 1) === 1;
    this.#left = (kind === blockKind.repeated ? 1 : block >> 3) + (this.#last ? this.#trailer : 0);
  }
}
