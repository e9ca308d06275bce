/**
 * A fixed number of things that are taken and given back, which bounds memory and work under way. A failure in the
 * background rejects the next take, so no failure is lost.
 */
export class Pool<T> {
  readonly #free: T[] = [];
  readonly #waiting: { resolve(item: T): void; reject(error: unknown): void }[] = [];
  readonly #make: () => T;
  #unmade: number;
  #failure: { readonly error: unknown } | undefined;

  /** Calls `make` at most `size` times: when a thing is taken and none is free. */
  constructor(size: number, make: () => T) {
    this.#unmade = size;
    this.#make = make;
  }

  take(): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const item = this.#free.pop();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#unmade > 0) {
      this.#unmade -= 1;
      return Promise.resolve(this.#make());
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Returns what is free, which is gone from here. */
  drain(): T[] {
    return this.#free.splice(0);
  }

  give(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(item);
    else next.resolve(item);
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Rejects all takes, waiting ones and later ones. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure.error);
  }
}
