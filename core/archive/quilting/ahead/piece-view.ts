/** What a reader has put into a buffer, as the main thread sees it: good until the buffer is given back. */
import type { Xattrs } from "../../../system/xattr.ts";
import type { ReadChunk, ReadPiece } from "../layouts/layout.ts";
import type { Region } from "../reading/regions.ts";
import { ChunkTableView, dataOf, type FilledPiece } from "./messages.ts";

const noAttributes: Xattrs = { xattrs: new Map() };

export class PieceView {
  readonly #piece: FilledPiece;
  readonly #table: ChunkTableView;
  readonly #data: Buffer;
  #chunk = 0;
  #offset = 0;

  constructor(piece: FilledPiece) {
    this.#piece = piece;
    this.#table = new ChunkTableView(piece.buffer);
    this.#data = dataOf(piece.buffer);
  }

  /** Undefined if the file was not read from beginning to end as it was: it is left to others. */
  attributesOf(file: number): Xattrs | undefined {
    const { rare } = this.#piece;
    if (rare === undefined) return noAttributes;
    if (rare.unread.includes(file)) return undefined;
    return rare.attributes.find(([number]) => number === file)?.[1] ?? noAttributes;
  }

  /** Returns a whole file. Call for one after the other. */
  contentOf(file: number, size: number): ReadPiece {
    const stated = this.#piece.rare?.regions.filter(([number]) => number === file) ?? [];
    const regions = stated.length === 0 ? whole(size) : stated.flatMap(([, region]) => (region ? [region] : []));
    return { regions, chunks: this.#chunksOf(file) };
  }

  /** Returns the next piece of a large file. */
  partOf(file: number): ReadPiece {
    const regions = this.#piece.rare?.regions.flatMap(([, region]) => (region ? [region] : [])) ?? [];
    return { regions, chunks: this.#chunksOf(file) };
  }

  #chunksOf(file: number): ReadChunk[] {
    const chunks: ReadChunk[] = [];
    for (; this.#chunk < this.#piece.chunks && this.#table.fileOf(this.#chunk) === file; this.#chunk += 1) {
      const end = this.#offset + this.#table.lengthOf(this.#chunk);
      chunks.push({ bytes: this.#data.subarray(this.#offset, end), sha256: this.#table.sha256Of(this.#chunk) });
      this.#offset = end;
    }
    return chunks;
  }
}

function whole(size: number): readonly Region[] {
  return size === 0 ? [] : [[0, size]];
}
