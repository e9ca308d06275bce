/**
 * Parts whose folders, links and nodes are made, and whose files wait for their content. They are fetched in order: one begins when the one
 * before has begun its last read, so that threads never wait for the next part. They are finished in order, too: a file may be another name
 * of one before it. The next parts are read meanwhile, as far as memory allows.
 */
import type { ByteString } from "../core/format/path.ts";

/** `first`: its first path. `files`: number of those that are held in memory. */
type PartAhead = { readonly first: ByteString | undefined; readonly files: number };

export type PartWork = {
  /** Brings content. Calls `begun` when the next part may begin; at the latest, that is when it returns. */
  readonly fetch: (begun: () => void) => Promise<void>;
  /** Does what needs all files of this part, and of those before it. */
  readonly finish: () => Promise<void>;
};

type WaitingPart = PartAhead & { readonly begun: Promise<unknown>; readonly done: Promise<void> };

/** Bound on files that wait, besides those of the oldest part that is being written. One part may have more. */
const mostWaiting = 8_192;

export class PartsAhead {
  /** The part that is being written, and those behind it. */
  readonly #parts: WaitingPart[] = [];
  #failure: { readonly error: unknown } | undefined;

  /** The first path of what is not written yet. */
  get first(): ByteString | undefined {
    return this.#parts.find(({ first }) => first !== undefined)?.first;
  }

  /** Has a part written behind those before it. Returns when another one may be read. Throws an error of any part. */
  async add(part: PartAhead, work: PartWork): Promise<void> {
    const before = this.#parts.at(-1);
    const { promise, resolve: begin } = Promise.withResolvers<void>();
    const done = this.#write(work, before, begin);
    // Never three at a time: each may have many open files.
    this.#parts.push({ ...part, begun: Promise.all([promise, before?.done]), done });
    while (this.#failure === undefined && this.#waiting > mostWaiting) await this.#parts[0]?.done;
    this.#throwIfFailed();
  }

  /** Waits until all parts are written. Throws an error of any of them. */
  async settle(): Promise<void> {
    await this.#end();
    this.#throwIfFailed();
  }

  /** Waits until no part is being written, and begins no other, after an error. */
  async abandon(): Promise<void> {
    this.#failure ??= { error: undefined };
    await this.#end();
  }

  get #waiting(): number {
    return this.#parts.slice(1).reduce((sum, { files }) => sum + files, 0);
  }

  #end(): Promise<void> {
    return this.#parts.at(-1)?.done ?? Promise.resolve();
  }

  async #write({ fetch, finish }: PartWork, before: WaitingPart | undefined, begin: () => void): Promise<void> {
    await before?.begun;
    await this.#unlessFailed(() => fetch(begin));
    begin();
    await before?.done;
    await this.#unlessFailed(finish);
    this.#parts.shift();
  }

  async #unlessFailed(work: () => Promise<void>): Promise<void> {
    try {
      if (this.#failure === undefined) await work();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
