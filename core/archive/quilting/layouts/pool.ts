/**
 * A fixed number of things to be taken and given back: bounds memory and work under way. A failure in the background
 * rejects the next take, so that it is not lost.
 */
export class Pool<T> {
  readonly #free: T[] = [];
  readonly #waiting: { resolve(item: T): void; reject(error: unknown): void }[] = [];
  readonly #make: () => T;
  #unmade: number;
  #failure: { readonly error: unknown } | undefined;

  /** `make` is called at most `size` times: when something is wanted and nothing is free. */
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

  give(item: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(item);
    else next.resolve(item);
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Rejects all takes, those that wait and those to come. The first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure.error);
  }
}
