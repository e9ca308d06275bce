/** Failures once more, at the end of a run: of its output, a CI shows the last lines alone. */
import type { Failure } from "./junit.ts";

const mostFailures = 20;
const mostLines = 100;
const mostLetters = 2_000;

/** Gathers errors outside of tests, as of files that do not load, from the lines of `bun test`: JUnit's file leaves them out. */
export class ErrorsOutside {
  readonly found: Failure[] = [];
  #rest = "";
  #lines: string[] | undefined;
  #rules = 0;

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, mostLetters);
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    if (this.#lines === undefined) {
      if (line === "# Unhandled error between tests") this.#lines = [];
    } else if (!/^-{20,}$/.test(line)) {
      if (this.#lines.length <= mostLines) this.#lines.push(line);
    } else {
      this.#rules += 1;
      if (this.#rules === 2) this.#end(this.#lines);
    }
  }

  #end(lines: readonly string[]): void {
    if (this.found.length <= mostFailures)
      this.found.push({ name: "an error outside of tests", message: lines.join("\n") });
    this.#lines = undefined;
    this.#rules = 0;
  }
}

/** Lines to print; none without failures. */
export function failureLines(failures: readonly Failure[]): string[] {
  const lines = failures.slice(0, mostFailures).flatMap(({ name, message }) => {
    const all = message.trimEnd().split("\n");
    const left = all.length - mostLines;
    const shown = all.slice(0, mostLines).map((line) => `  ${shortened(line)}`);
    return [`failed: ${shortened(name)}`, ...shown, ...(left > 0 ? [`  … and ${left} more lines`] : [])];
  });
  const others = failures.length - mostFailures;
  return others > 0 ? [...lines, `… and ${others} more failures`] : lines;
}

function shortened(line: string): string {
  return line.length > mostLetters ? `${line.slice(0, mostLetters)}…` : line;
}
