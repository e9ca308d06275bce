/** What a run of `bun test` came to, and how the runner says it. */

export type Outcome = { readonly passed: number; readonly failed: number; readonly skipped: number };

/**
 * The counts from the closing lines of `bun test`; undefined if it ended without them, as it does when a test ends
 * the process. Not taken from the JUnit file, which leaves out test files that do not load.
 */
export function outcomeOf(output: string): Outcome | undefined {
  const [counts] = [...output.matchAll(/((?:^ \d+ .*\n)+)Ran \d+ tests? across /gm)].slice(-1);
  if (counts?.[1] === undefined) return undefined;
  const lines = counts[1];
  const count = (word: string) => Number(new RegExp(`^ (\\d+) ${word}$`, "m").exec(lines)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

export function sum(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((a, b) => ({
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  }));
}

export function closingLine({ passed, failed, skipped }: Outcome): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
