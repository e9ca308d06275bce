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

/** Skipped tests as `file: group > name`, from Bun's JUnit file, which names the innermost group first. */
export function skippedTests(junit: string): string[] {
  const cases = junit.matchAll(/<testcase name="(.*?)" classname="(.*?)" [^>]*?file="(.*?)"[^>]*?[^/]>\s*<skipped/g);
  return [...cases].map(([, name = "", groups = "", file = ""]) => {
    const names = [...groups.split(" &gt; ").reverse(), name].filter(Boolean);
    return decoded(`${file}: ${names.join(" > ")}`);
  });
}

const entities: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'" };

function decoded(text: string): string {
  return text
    .replace(/&(?:lt|gt|quot|apos);/g, (entity) => entities[entity] ?? entity)
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll("&amp;", "&");
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
