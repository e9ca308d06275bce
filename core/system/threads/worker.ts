/** The side of a thread that `workers.ts` has started. */
import { parentPort } from "node:worker_threads";
import type { NumberedAnswer, NumberedOrder } from "./workers.ts";

/** Answers each order with what `run` makes of it. If that throws, the thread ends. */
export function carryOut<Order, Answer>(run: (order: Order) => Answer): void {
  const port = parentPort;
  if (port === null) throw new Error("a module that runs only in a thread of its own");
  port.on("message", ({ number, order }: NumberedOrder<Order>) => {
    const answer: NumberedAnswer<Answer> = { number, answer: run(order) };
    port.postMessage(answer);
  });
}
