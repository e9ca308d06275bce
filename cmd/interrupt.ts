/** Turns signals into an abort, on which jobs end cleanly. */
import { exitStatus } from "../core/failure.ts";

/** The reason of an abort by the user. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** The reason of an abort because nobody reads our output any more, as after `| head`. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/** Aborts on the first SIGINT or SIGTERM; ends the process at once on the second. */
export function abortOnSignals(controller: AbortController) {
  const onSignal = (name: string) => {
    if (controller.signal.reason instanceof Interrupted) process.exit(exitStatus.interrupted);
    controller.abort(new Interrupted(`interrupted by ${name}`));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
