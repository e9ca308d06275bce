/** Chance that comes from a seed, and what is drawn from it. */
import { randomFrom } from "../round-trip/random.ts";

export class Chance {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomFrom(seed);
  }

  /** From 0 up to, but not including, 1. */
  readonly share = (): number => this.#next();

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.#next() * (most - least + 1));
  }

  /** True once in so many times. */
  once(inSoMany: number): boolean {
    return this.#next() * inSoMany < 1;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#next() * from.length)];
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.whole(0, 255));
  }
}
