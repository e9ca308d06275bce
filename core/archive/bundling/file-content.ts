/** Reads the content of one file as it goes into a tar. */
import { readAt } from "../../system/files/files.ts";
import { SystemError } from "../../system/libc.ts";
import type { OpenFile } from "../quilting/reading/open-file.ts";
import type { Region } from "../quilting/reading/regions.ts";
import type { ContentDigest } from "./digests.ts";

const blockSize = 512 * 1024;
/** One is being filled, and those that came before may still be compressed. */
const blocks = 4;
/** Streams take small pieces ahead, more of them than there are buffers: these are copied. A larger one is all that they take. */
const smallSize = 128 * 1024;

/** Content that was read, a piece for each region. `end`: where the file ended; `failure`: why not all of it could be read. */
export type ReadFile = { readonly pieces: ContentDigest[]; end: number; failure: SystemError | undefined };

/** A large piece is good until three more have been yielded. */
export class FileReader {
  readonly #ring = Array.from({ length: blocks }, () => Buffer.allocUnsafeSlow(blockSize));
  #next = 0;
  readonly #breathe: () => Promise<void>;

  constructor(breathe: () => Promise<void>) {
    this.#breathe = breathe;
  }

  /** Yields exactly the bytes of the regions: zeros for those that cannot be read any more. Fills in `result` on the way. */
  async *read({ fd, stat }: OpenFile, regions: readonly Region[], result: ReadFile): AsyncGenerator<Uint8Array> {
    result.end = stat.size;
    for (const [offset, length] of regions) {
      const hash = new Bun.CryptoHasher("sha256");
      for (let done = 0; done < length; ) {
        await this.#breathe();
        const block = this.#ring[this.#next] ?? Buffer.alloc(blockSize);
        this.#next = (this.#next + 1) % blocks;
        const wanted = Math.min(blockSize, length - done);
        const got = result.failure === undefined ? this.#fill(fd, block, wanted, offset + done, result) : 0;
        // What is missing is of a file that became shorter.
        if (got === 0) {
          result.end = Math.min(result.end, offset + done);
          block.fill(0, 0, wanted);
        }
        const filled = block.subarray(0, got === 0 ? wanted : got);
        const piece = filled.length < smallSize ? Buffer.from(filled) : filled;
        hash.update(piece);
        yield piece;
        done += piece.length;
      }
      result.pieces.push({ length, sha256: hash.digest("hex") });
    }
  }

  #fill(fd: number, block: Buffer, length: number, offset: number, result: ReadFile): number {
    try {
      return readAt(fd, block, 0, length, offset);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      result.failure = error;
      return 0;
    }
  }
}
