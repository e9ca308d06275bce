/** Work that goes on beside its caller, who waits for all of it in the end. */
export class Deliveries {
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  /** `ended` is called when the work has ended, whether it worked or not. */
  add(work: Promise<void>, ended: () => void): void {
    const watched = this.#watch(work).then(() => {
      this.#underWay.delete(watched);
      ended();
    });
    this.#underWay.add(watched);
  }

  /** Throws the first error of the work so far. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Waits for all work. Throws the first error. */
  async end(): Promise<void> {
    await Promise.all(this.#underWay);
    this.throwIfFailed();
  }

  async #watch(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#failure ??= { error };
    }
  }
}
