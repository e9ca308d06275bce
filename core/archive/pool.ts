/**
 * A fixed number of things to be taken and given back: what bounds memory and work under way. A failure somewhere
 * in the background is told to whoever takes next, so that it is not lost.
 */
export class Pool<T> {
  private readonly free: T[];
  private readonly waiting: { resolve(item: T): void; reject(error: unknown): void }[] = [];
  private failure: { readonly error: unknown } | undefined;

  constructor(items: Iterable<T>) {
    this.free = [...items];
  }

  take(): Promise<T> {
    if (this.failure !== undefined) return Promise.reject(this.failure.error);
    const item = this.free.pop();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  give(item: T): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(item);
    else next.resolve(item);
  }

  /** Rejects all who wait, and all who come after. The first failure counts. */
  fail(error: unknown): void {
    this.failure ??= { error };
    for (const { reject } of this.waiting.splice(0)) reject(this.failure.error);
  }
}
