/** The simulated clock, and what went wrong by it. */

const minute = 60_000;
export const day = 24 * 60 * minute;
/** Ahead of any real clock, so that no file looks as if it were just written. A leap year. */
const start = Date.UTC(2040, 0, 1);

export class Clock {
  #time = start;

  readonly now = (): Date => new Date(this.#time);

  /** `minutes` since midnight; never back. */
  set(today: number, minutes: number): void {
    this.#time = Math.max(this.#time, start + today * day + minutes * minute);
  }

  get today(): number {
    return Math.floor((this.#time - start) / day);
  }
}

/** A simulation that went wrong goes wrong every day after. */
const mostViolations = 10;

export type Tell = (what: string) => void;

export class TooManyViolations extends Error {}

export class Violations {
  readonly #seed: number;
  readonly #clock: Clock;
  readonly #print: (line: string) => void;

  readonly all: string[] = [];
  constructor(seed: number, clock: Clock, print: (line: string) => void) {
    this.#seed = seed;
    this.#clock = clock;
    this.#print = print;
  }

  /** Hears of violations by a host, or by something else that is at work. */
  under(who: string): Tell {
    return (what) => {
      const line = `seed ${this.#seed}, day ${this.#clock.today}, ${who}: ${what}`;
      this.all.push(line);
      this.#print(line);
      if (this.all.length >= mostViolations) throw new TooManyViolations(`stopped after ${mostViolations} violations`);
    };
  }
}
