/** Reports objects that cannot be used, of which anybody who may put can make very many. */
import { reasonOf } from "../failure.ts";

/** Named one by one; more would hide what else there is to say. */
const mostNamed = 100;

export class Skipped {
  #count = 0;
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** `what` names the object, `consequence` says what comes of it. */
  add(what: string, error: unknown, consequence: string): void {
    this.#count += 1;
    if (this.#count > mostNamed) return;
    this.#warn(`${what} is skipped: ${reasonOf(error)}; ${consequence}`);
  }

  /** Call at the end: says how many more there were. */
  finish(): void {
    const more = this.#count - mostNamed;
    if (more > 0) this.#warn(`${more} more objects are skipped: find out whose credentials put them`);
  }
}
