/** Runs work side by side, within bounds. */

/**
 * Runs `work` for each item in order, at most `limit` at a time. After an error no more are begun, and it is thrown once
 * those in progress have ended.
 */
export async function eachOf<Item>(items: Iterable<Item>, limit: number, work: (item: Item) => Promise<void>) {
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
  await Promise.all(Array.from({ length: limit }, worker));
  if (failure !== undefined) throw failure.error;
}

/** Yields the results of `work` in the order of the items. At most `limit` are being worked on, or wait for their turn. */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const ahead: Promise<Result>[] = [];
  for (const item of items) {
    const result = work(item);
    // Its error is for the one who awaits it; until then it is not "unhandled".
    result.catch(() => {});
    ahead.push(result);
    if (ahead.length < limit) continue;
    const first = ahead.shift();
    if (first !== undefined) yield await first;
  }
  for (const result of ahead) yield await result;
}

/** Bytes that may be in memory at a time, handed out in order. */
export class Budget {
  #free: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(readonly total: number) {
    this.#free = total;
  }

  /** Waits until so many bytes are free. More than the total counts as the total. */
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
