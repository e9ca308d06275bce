/** Signals become an abort that jobs can end cleanly on. */
import { exitStatus } from "../core/failure.ts";

/** The reason of an abort by the user. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** The reason of an abort because whoever read our output is gone, as after `| head`. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** The first SIGINT or SIGTERM aborts; a second one ends the process at once. */
export function abortOnSignals(controller: AbortController) {
  const onSignal = (name: string) => {
    if (controller.signal.reason instanceof Interrupted) process.exit(exitStatus.interrupted);
    controller.abort(new Interrupted(`interrupted by ${name}`));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
