/** What a thread that writes spends its time on. */
import type { WriteTimes } from "./order.ts";

export class Laps {
  readonly spent: { -readonly [phase in keyof WriteTimes]: number } = { read: 0, decode: 0, verify: 0, write: 0 };
  readonly #clock: () => number;
  #last: number;

  constructor(clock: () => number) {
    this.#clock = clock;
    this.#last = clock();
  }

  /** Counts the time since the last lap. */
  end(phase: keyof WriteTimes): void {
    const now = this.#clock();
    this.spent[phase] += now - this.#last;
    this.#last = now;
  }
}
