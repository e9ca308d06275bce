/** Verifies extents of content that is too large for memory, as it comes. */
import { sha256 } from "../../core/format/sha256.ts";
import { release } from "../../core/system/threads/garbage.ts";

/** Bytes that the content should have. */
type ExpectedBytes = {
  /** First byte within the content; `length`: number of bytes. */
  readonly offset: number;
  readonly length: number;
  /** SHA-256, hex. */
  readonly sha256: string;
};

/** Bytes of an extent. `start`: place of the first one within it. `last`: they end it, and all of it is as expected. */
type FlowingBytes = { readonly bytes: Uint8Array; readonly start: number; readonly last: boolean };

export type ExtentSink<T> = {
  readonly expected: (extent: T) => ExpectedBytes;
  /** Takes the next bytes of an extent. Returns false if it needs no more of them. */
  readonly take: (extent: T, flowing: FlowingBytes) => boolean;
  /** Called for an extent whose bytes are missing or not as expected. */
  readonly wrong: (extent: T) => void;
};

/**
 * Hands the bytes of each extent to the sink in order, and reports which extents are wrong. They come in order of offset, and may
 * overlap; each is taken when it begins, so that very many take no memory. Reads only to the end of the last one. Errors of the content
 * pass through. `start`: where in the content the stream begins.
 */
export async function checkFlowing<T>(
  extents: Iterable<T>,
  content: AsyncIterable<Uint8Array>,
  sink: ExtentSink<T>,
  start = 0,
): Promise<void> {
  const flow = new Flow(extents, sink, start);
  for await (const piece of content) {
    flow.pass(piece);
    if (flow.isOver) return;
  }
  flow.end();
}

/** Frees each piece as soon as the next one is asked for. The pieces may be in no other use. */
export async function* releasing(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of content) {
    yield piece;
    release(piece);
  }
}

type OpenExtent<T> = {
  readonly extent: T;
  readonly expected: ExpectedBytes;
  readonly end: number;
  /** Undefined until it is known that the extent comes in more than one piece: a hasher is memory that the collector does not see. */
  hash: Bun.CryptoHasher | undefined;
};

class Flow<T> {
  readonly #sink: ExtentSink<T>;
  readonly #waiting: Iterator<T>;
  /** The next extent that is not begun; undefined at the end. */
  #next: T | undefined;
  #open: OpenExtent<T>[] = [];
  #position: number;

  constructor(extents: Iterable<T>, sink: ExtentSink<T>, start: number) {
    this.#position = start;
    this.#sink = sink;
    this.#waiting = extents[Symbol.iterator]();
    this.#takeNext();
  }

  get isOver(): boolean {
    return this.#open.length === 0 && this.#next === undefined;
  }

  pass(piece: Uint8Array): void {
    const end = this.#position + piece.length;
    this.#openUpTo(end);
    this.#open = this.#open.filter((open) => this.#passTo(open, piece, end));
    this.#position = end;
  }

  /** Reports the extents that still wait for bytes as wrong, at the end of the content. */
  end(): void {
    for (const { extent } of this.#open) this.#sink.wrong(extent);
    for (; this.#next !== undefined; this.#takeNext()) this.#sink.wrong(this.#next);
  }

  #takeNext(): void {
    const { done, value } = this.#waiting.next();
    this.#next = done ? undefined : value;
  }

  #openUpTo(end: number): void {
    for (; this.#next !== undefined; this.#takeNext()) {
      const extent = this.#next;
      const expected = this.#sink.expected(extent);
      if (expected.offset >= end) return;
      this.#open.push({ extent, expected, end: expected.offset + expected.length, hash: undefined });
    }
  }

  /** Passes a piece on. Returns whether more of the extent is to come. */
  #passTo(open: OpenExtent<T>, piece: Uint8Array, pieceEnd: number): boolean {
    const { extent, expected, end } = open;
    const from = Math.max(0, expected.offset - this.#position);
    const bytes = piece.subarray(from, end - this.#position);
    const last = end <= pieceEnd;
    if (!last) open.hash ??= new Bun.CryptoHasher("sha256");
    open.hash?.update(bytes);
    if (last && (open.hash?.digest("hex") ?? sha256(bytes)) !== expected.sha256) {
      this.#sink.wrong(extent);
      return false;
    }
    const isWanted = this.#sink.take(extent, { bytes, start: this.#position + from - expected.offset, last });
    return isWanted && !last;
  }
}
