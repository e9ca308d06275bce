/** Work side by side, within bounds. */

/**
 * Runs `work` for each item, `most` at a time, in order. After an error no more are begun, and it is thrown once those
 * under way have ended.
 */
export async function eachOf<Item>(items: Iterable<Item>, most: number, work: (item: Item) => Promise<void>) {
  const iterator = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (let next = iterator.next(); !next.done && failure === undefined; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
  if (failure !== undefined) throw failure.error;
}

/** Bytes that may be held in memory at a time, handed out in order. */
export class Budget {
  #free: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(readonly total: number) {
    this.#free = total;
  }

  /** Waits until so many are free; more than there are at all counts as all. */
  async take(bytes: number): Promise<void> {
    const wanted = Math.min(bytes, this.total);
    if (this.#waiting.length === 0 && wanted <= this.#free) {
      this.#free -= wanted;
      return;
    }
    await new Promise<void>((go) => this.#waiting.push({ bytes: wanted, go }));
  }

  give(bytes: number): void {
    this.#free += Math.min(bytes, this.total);
    for (let [next] = this.#waiting; next !== undefined && next.bytes <= this.#free; [next] = this.#waiting) {
      this.#waiting.shift();
      this.#free -= next.bytes;
      next.go();
    }
  }
}
