/** What a reader has put into a buffer, as the main thread sees it: good until the buffer is given back. */
import type { Xattrs } from "../../../system/metadata/xattr.ts";
import type { ReadChunk, ReadPiece } from "../layouts/layout.ts";
import type { Region } from "../reading/regions.ts";
import type { FilledPiece } from "./messages.ts";

export const noAttributes: Xattrs = { xattrs: new Map() };

export type TakeWhole<Content> = (
  source: Buffer,
  start: number,
  end: number,
  sha256: string | undefined,
) => Content | undefined;

export class PieceView {
  readonly #piece: FilledPiece;
  #chunk = 0;
  #offset = 0;

  constructor(piece: FilledPiece) {
    this.#piece = piece;
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

  /**
   * Passes the only chunk of a file of which nothing rare is known to `take`: where it is in the buffer, and its SHA-256, which is
   * undefined for an empty file. Returns undefined for any other file, and for one that `take` does not take: `contentOf` has it then.
   */
  takeWhole<Content>(file: number, size: number, take: TakeWhole<Content>): Content | undefined {
    const { chunks, rare, buffer } = this.#piece;
    if (rare !== undefined) return undefined;
    if (size === 0) return take(buffer.data, 0, 0, undefined);
    const chunk = this.#chunk;
    const isItsOnly = chunk < chunks && buffer.table.fileOf(chunk) === file && buffer.table.lengthOf(chunk) === size;
    if (!isItsOnly) return undefined;
    const end = this.#offset + size;
    const content = take(buffer.data, this.#offset, end, buffer.table.sha256Of(chunk));
    if (content === undefined) return undefined;
    this.#chunk += 1;
    this.#offset = end;
    return content;
  }

  /** Returns the next piece of a large file. */
  partOf(file: number): ReadPiece {
    const regions = this.#piece.rare?.regions.flatMap(([, region]) => (region ? [region] : [])) ?? [];
    return { regions, chunks: this.#chunksOf(file) };
  }

  #chunksOf(file: number): ReadChunk[] {
    const { table, data } = this.#piece.buffer;
    const chunks: ReadChunk[] = [];
    for (; this.#chunk < this.#piece.chunks && table.fileOf(this.#chunk) === file; this.#chunk += 1) {
      const end = this.#offset + table.lengthOf(this.#chunk);
      chunks.push({ bytes: data.subarray(this.#offset, end), sha256: table.sha256Of(this.#chunk) });
      this.#offset = end;
    }
    return chunks;
  }
}

function whole(size: number): readonly Region[] {
  return size === 0 ? [] : [[0, size]];
}
