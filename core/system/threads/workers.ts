/**
 * Other threads, each with a module of this program, that carry out orders. All threads share the descriptors of the process: who gives
 * an order with descriptors keeps them open until it is answered or refused.
 */
import { threadAt } from "../../thread.ts";

/** A thread has ended before it had answered. What it had done by then is not known. */
export const threadEnded = Symbol("a thread has ended");
type ThreadEnded = typeof threadEnded;

/** Calls for those who wait for answers. */
type Outstanding<Answer> = Map<number, (answer: Answer | ThreadEnded) => void>;

type Thread<Answer> = {
  readonly worker: Worker;
  readonly outstanding: Outstanding<Answer>;
  /** Why it must end. */
  failure: string | undefined;
};

export type NumberedOrder<Order> = { readonly number: number; readonly order: Order };
export type NumberedAnswer<Answer> = { readonly number: number; readonly answer: Answer };

export type WorkersOptions = {
  readonly count: number;
  /** Path, from the root of the project, of a module that calls `carryOut` of `worker.ts`. */
  readonly module: string;
  /** Called for each thread that ends by an error. */
  readonly onEnd: (why: string) => void;
};

export class Workers<Order, Answer> {
  readonly #options: WorkersOptions;
  #threads: Thread<Answer>[] | undefined;
  #number = 0;

  /** They start with the first order, or when `start` is called. */
  constructor(options: WorkersOptions) {
    this.#options = options;
  }

  /** False if there are no threads, or all have ended. */
  get isUsable(): boolean {
    return (this.#threads?.length ?? this.#options.count) > 0;
  }

  start(): readonly Thread<Answer>[] {
    this.#threads ??= Array.from({ length: this.#options.count }, () => this.#start());
    return this.#threads;
  }

  /**
   * `moved`: buffers of the order, which are not copied, and gone for the caller. Returns `threadEnded` if the thread ends before it has
   * answered: it does nothing any more then.
   */
  async carryOut(order: Order, moved: readonly ArrayBuffer[]): Promise<Answer | ThreadEnded> {
    const [first, ...others] = this.start();
    if (first === undefined) return threadEnded;
    const thread = others.reduce((least, one) => (one.outstanding.size < least.outstanding.size ? one : least), first);
    this.#number += 1;
    const numbered: NumberedOrder<Order> = { number: this.#number, order };
    return await new Promise((resolve) => {
      thread.outstanding.set(numbered.number, resolve);
      thread.worker.postMessage(numbered, [...moved]);
    });
  }

  /** Ends all threads. Call when no order is outstanding. */
  close(): void {
    for (const { worker } of this.#threads?.splice(0) ?? []) worker.terminate();
  }

  #start(): Thread<Answer> {
    const worker = new Worker(threadAt(this.#options.module));
    const thread: Thread<Answer> = { worker, outstanding: new Map(), failure: undefined };
    worker.addEventListener("message", ({ data }: MessageEvent<NumberedAnswer<Answer>>) => {
      const { number, answer } = data;
      thread.outstanding.get(number)?.(answer);
      thread.outstanding.delete(number);
    });
    worker.addEventListener("error", (event) => {
      thread.failure ??= reasonIn(event.message);
      this.#threads = this.#threads?.filter((one) => one !== thread);
      worker.terminate();
    });
    // Only now it does nothing any more.
    worker.addEventListener("close", () => {
      if (thread.failure !== undefined) this.#options.onEnd(thread.failure);
      this.#threads = this.#threads?.filter((one) => one !== thread);
      const refused = [...thread.outstanding.values()];
      thread.outstanding.clear();
      for (const refuse of refused) refuse(threadEnded);
    });
    return thread;
  }
}

/** Bun's message shows the code around an error, too. */
function reasonIn(message: string): string {
  return /^error: (.*)$/m.exec(message)?.[1] ?? message.split("\n")[0] ?? "";
}
