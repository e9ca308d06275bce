/** How much is printed to stderr: `--quiet` and `--verbose`. */
import type { OnSpan } from "../../core/trace.ts";
import { bytes, duration } from "./format.ts";
import type { Ask } from "./prompt.ts";
import type { Screen } from "./screen.ts";

/** Lines that are held back until a question, the last ones. */
const mostHeld = 100;

/** Prints warnings and errors only; and before a question, what was held back: it says what the question is about. */
export class QuietScreen implements Screen {
  readonly #screen: Screen;
  #held: string[] = [];
  readonly redraws: boolean;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.redraws = screen.redraws;
  }

  line(level: Parameters<Screen["line"]>[0], text: string): void {
    if (level === "info") this.#held.push(text);
    else this.#screen.line(level, text);
    if (this.#held.length > mostHeld) this.#held.shift();
  }

  status(): void {}

  width(): number {
    return this.#screen.width();
  }

  /** Returns an `Ask` that shows first what was held back. */
  showingBefore(ask: Ask): Ask {
    return (question) => {
      for (const text of this.#held) this.#screen.line("info", text);
      this.#held = [];
      return ask(question);
    };
  }
}

/** Prints each step and request when it has ended. */
export function spanPrinter(screen: Pick<Screen, "line">): OnSpan {
  return ({ kind, name, milliseconds, details }) => {
    if (kind === "work") return;
    const { key, prefix = "", bytes: size, failed } = details;
    const what = key ?? prefix;
    const took = milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : duration(milliseconds);
    const more = [
      ...(typeof size === "number" ? [bytes(size)] : []),
      took,
      ...(failed === true ? ["ended early"] : []),
    ];
    screen.line("info", `${name}${what === "" ? "" : ` ${what}`}: ${more.join(", ")}`);
  };
}
