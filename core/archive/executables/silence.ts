/**
 * Limits how long an executable may be silent. Only time in which the run waits for output counts. An executable that
 * cannot write because its earlier output is still being uploaded is not to blame, however long that takes.
 */

/** Longest delay of a timer in milliseconds: 24 days. */
const longestTimer = 2 ** 31 - 1;

export class SilenceLimit {
  readonly #limitMs: number;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Pieces that a reader still works on. */
  #held = 0;
  #broken = false;
  #over = false;

  /** Starts to count at once. Calls `onSilence` at most once. */
  constructor(limitMs: number, onSilence: () => void) {
    this.#limitMs = Math.min(limitMs, longestTimer);
    this.#onSilence = onSilence;
    this.#restart();
  }

  /** True if there was silence for too long. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Passes pieces on and watches them. Several streams of one executable may be watched: output on any of them counts. */
  async *watch(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of stream) {
      this.#held += 1;
      clearTimeout(this.#timer);
      try {
        yield piece;
      } finally {
        this.#held -= 1;
        this.#restart();
      }
    }
  }

  /** Restarts the count. */
  heard(): void {
    this.#restart();
  }

  /** Stops the count. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #restart(): void {
    clearTimeout(this.#timer);
    if (this.#over || this.#broken || this.#held > 0) return;
    this.#timer = setTimeout(() => {
      this.#broken = true;
      this.#onSilence();
    }, this.#limitMs);
  }
}
