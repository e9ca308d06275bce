/** Attacks as tests: what each declares about itself is its row in the table of docs/security.md (test/docs/attack-table.ts). */
import { expect, test } from "bun:test";

/** All values are literals where they are declared, since the table is made from the source. */
export type Attack = {
  /** The attacker: an unprivileged user, a host's credentials, anybody who may put into the bucket, or the endpoint. */
  readonly by: "U" | "H" | "W" | "S";
  /** What the attacker does. */
  readonly what: string;
  /** What came of it before there was a defence. */
  readonly before: string;
  /** What comes of it now: the promise that the test holds. */
  readonly now: string;
  /** The most memory that the program may use for it, in MiB: the body returns what it measured. */
  readonly peak?: number;
};

export type AttackOptions = {
  readonly variant?: string;
  readonly skip?: boolean;
  /** Milliseconds, if it may take longer than other tests. */
  readonly timeout?: number;
};

/** What every attack on memory must stay under, in MiB. */
const mostMemory = 256;

/**
 * Declares a test that makes an attack, and expects that it comes to nothing. With `peak`, the body returns the peak memory that it
 * measured, in MiB. A `variant` tells tests of one attack apart: they share a row.
 */
export function attack(
  { what, now, peak }: Attack,
  body: () => unknown,
  { variant, skip = false, timeout }: AttackOptions = {},
): void {
  const name = [what, variant && ` (${variant})`, `: ${now}`].filter(Boolean).join("");
  const run = async () => {
    const measured = await body();
    if (peak === undefined) return;
    expect(peak).toBeLessThan(mostMemory);
    expect(measured).toBeNumber();
    expect(measured).toBeLessThanOrEqual(peak);
  };
  test.skipIf(skip)(name, run, ...(timeout === undefined ? [] : [timeout]));
}
