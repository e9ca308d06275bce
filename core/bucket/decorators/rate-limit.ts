/** A token bucket: hands out the right to move bytes, no faster than a timetable allows, in the order of the calls. */
import { rateAt, type Timetable } from "../../timetable.ts";

export type RateTools = {
  readonly now: () => Date;
  /** Waits so many milliseconds. Rejects at once when the run is stopped. */
  readonly sleep: (milliseconds: number) => Promise<unknown>;
};

/** Milliseconds of unused time that may be made up for: a timer that fires late must not make the rate lower. */
const burst = 250;
/** A shorter wait is left to the next call: timers are not that exact. */
const shortest = 5;

export class RateLimit {
  readonly #timetable: Timetable;
  readonly #tools: RateTools;
  /** When all that was handed out has moved, in milliseconds. */
  #free = 0;
  /** Bytes whose callers wait. */
  #waiting = 0;

  constructor(timetable: Timetable, tools: RateTools) {
    this.#timetable = timetable;
    this.#tools = tools;
  }

  /** Waits until so many bytes may move. */
  async take(bytes: number): Promise<void> {
    const time = this.#tools.now();
    const rate = rateAt(this.#timetable, time);
    if (rate === undefined) return;
    const now = time.getTime();
    const duration = (count: number) => (count / rate) * 1000;
    this.#waiting += bytes;
    // A clock that was set back, or a rate that became higher, must not leave us waiting for what nobody else moves.
    const latest = now + duration(this.#waiting - bytes) + burst;
    this.#free = Math.min(Math.max(this.#free, now - burst), latest) + duration(bytes);
    const wait = this.#free - now;
    try {
      if (wait >= shortest) await this.#tools.sleep(wait);
    } finally {
      this.#waiting -= bytes;
    }
  }
}
