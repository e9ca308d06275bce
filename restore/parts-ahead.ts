/**
 * Parts whose folders, links and nodes are made, and whose files wait for their content. One is written at a time, in order: a file may be
 * another name of one before it. The next parts are read meanwhile, as far as memory allows.
 */
import type { ByteString } from "../core/format/path.ts";

/** `first`: its first path. `files`: number of those that are held in memory. */
type PartAhead = { readonly first: ByteString | undefined; readonly files: number };

type WaitingPart = PartAhead & { readonly done: Promise<void> };

/** Bound on files that wait, besides those of the part that is being written. One part may have more. */
const mostWaiting = 16_384;

export class PartsAhead {
  /** The part that is being written, and those behind it. */
  readonly #parts: WaitingPart[] = [];
  #failure: { readonly error: unknown } | undefined;

  /** The first path of what is not written yet. */
  get first(): ByteString | undefined {
    return this.#parts.find(({ first }) => first !== undefined)?.first;
  }

  /** Has a part written when those before it are. Returns when another one may be read. Throws an error of any part. */
  async add(part: PartAhead, write: () => Promise<void>): Promise<void> {
    const before = this.#end();
    const done = before.then(() => this.#write(write));
    this.#parts.push({ ...part, done });
    while (this.#failure === undefined && this.#waiting > mostWaiting) await this.#parts[0]?.done;
    this.#throwIfFailed();
  }

  /** Waits until all parts are written. Throws an error of any of them. */
  async settle(): Promise<void> {
    await this.#end();
    this.#throwIfFailed();
  }

  /** Waits until no part is being written, after an error. */
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

  async #write(write: () => Promise<void>): Promise<void> {
    try {
      if (this.#failure === undefined) await write();
    } catch (error) {
      this.#failure = { error };
    }
    this.#parts.shift();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
