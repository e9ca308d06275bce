/** Watches one request: ends it when the user stops the run, and when the server lets it wait for too long. */
import type { RequestBounds } from "./bounds.ts";

/** A server that does not go on. Named as the SDK names its own time-outs. */
export class ServerTooSlow extends Error {
  override readonly name = "TimeoutError";
}

/** Looks at the clock so often in each time span: what counts is exact to this share of it. */
const ticksPerSpan = 12;

export class Watch {
  readonly #controller = new AbortController();
  readonly #bounds: Pick<RequestBounds, "answer">;
  readonly #signal: AbortSignal | undefined;
  readonly #ticker: NodeJS.Timeout;
  readonly #stop = () => this.fail(this.#signal?.reason);
  #total: NodeJS.Timeout | undefined;
  #waiting = true;
  #ticks = 0;
  #moved = 0;
  #quantum: number;

  /** Begins with the server's turn. `signal` ends the request with its reason. */
  constructor(bounds: RequestBounds, signal: AbortSignal | undefined) {
    this.#bounds = bounds;
    this.#signal = signal;
    this.#quantum = bounds.quantum;
    this.#ticker = setInterval(() => this.#tick(), bounds.silence / ticksPerSpan);
    if (signal?.aborted) this.#stop();
    signal?.addEventListener("abort", this.#stop);
  }

  /** Aborted with the error that the request is to fail with. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it is the server's turn: the time in which we do not ask for more is ours. */
  set waiting(waiting: boolean) {
    this.#waiting = waiting;
  }

  /** Notes that so many bytes went either way. */
  moved(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved < this.#quantum) return;
    this.#moved = 0;
    this.#ticks = 0;
  }

  /** Notes that the answer has begun. */
  answered(): void {
    this.#moved = 0;
    this.#ticks = 0;
  }

  /**
   * Lets the answer come byte by byte, but all of it within the time for that: while a server puts an object of many parts
   * together, it sends a space now and then.
   */
  short(): void {
    this.#quantum = 1;
    this.#total = setTimeout(() => this.fail(tooSlow("does not come to the end of its answer")), this.#bounds.answer);
  }

  fail(error: unknown): void {
    this.#controller.abort(error);
  }

  /** Ends the watch. Call it however the request ends. */
  end(): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#total);
    this.#signal?.removeEventListener("abort", this.#stop);
  }

  #tick(): void {
    if (this.#waiting) this.#ticks += 1;
    if (this.#ticks >= ticksPerSpan) this.fail(tooSlow("does not answer in time"));
  }
}

const tooSlow = (why: string) => new ServerTooSlow(why);
