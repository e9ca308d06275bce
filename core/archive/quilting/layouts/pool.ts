/**
 * A fixed number of things to be taken and given back: what bounds memory and work under way. A failure somewhere
 * in the background is told to whoever takes next, so that it is not lost.
 */
export class Pool<T> {
  private readonly free: T[] = [];
  private readonly waiting: { resolve(item: T): void; reject(error: unknown): void }[] = [];
  private failure: { readonly error: unknown } | undefined;

  /** `make` is called when something is wanted that was not made before, at most `most` times. */
  constructor(
    private most: number,
    private readonly make: () => T,
  ) {}

  take(): Promise<T> {
    if (this.failure !== undefined) return Promise.reject(this.failure.error);
    const item = this.free.pop();
    if (item !== undefined) return Promise.resolve(item);
    if (this.most > 0) {
      this.most -= 1;
      return Promise.resolve(this.make());
    }
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  give(item: T): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(item);
    else next.resolve(item);
  }

  throwIfFailed(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** Rejects all who wait, and all who come after. The first failure counts. */
  fail(error: unknown): void {
    this.failure ??= { error };
    for (const { reject } of this.waiting.splice(0)) reject(this.failure.error);
  }
}
