/**
 * A limit on how long an executable may be silent. Only silence that we wait for counts: an executable that cannot write
 * on because its last output is still being uploaded is not to blame, however long that takes.
 */

/** The longest delay that a timer takes, in milliseconds: 24 days. */
const longestTimer = 2 ** 31 - 1;

export class SilenceLimit {
  readonly #limitMs: number;
  readonly #onSilence: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Pieces handed on that their reader has not come back from. */
  #held = 0;
  #broken = false;
  #over = false;

  /** Starts to count at once; calls `onSilence` at most once. */
  constructor(limitMs: number, onSilence: () => void) {
    this.#limitMs = Math.min(limitMs, longestTimer);
    this.#onSilence = onSilence;
    this.#restart();
  }

  /** Whether there was silence for too long. */
  get broken(): boolean {
    return this.#broken;
  }

  /** The same pieces, watched. Several streams of one executable may be watched: output on any of them is output. */
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

  /** Ends the counting. */
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
