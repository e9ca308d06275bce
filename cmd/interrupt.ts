/** Turns signals into an abort, on which jobs end cleanly. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { exitStatus } from "../core/failure.ts";

/** The reason of an abort by the user. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** The reason of an abort because nobody reads our output any more, as after `| head`. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

/**
 * Aborts on the first SIGINT, SIGTERM or SIGHUP; ends the process at once on the second, as on SIGQUIT. Leaves SIGHUP alone
 * under `nohup`.
 */
export function abortOnSignals(controller: AbortController) {
  const onSignal = (name: string) => {
    if (controller.signal.reason instanceof Interrupted) process.exit(exitStatus.interrupted);
    controller.abort(new Interrupted(`interrupted by ${name}`));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("SIGQUIT", () => process.exit(exitStatus.interrupted));
  if (!isIgnored(constants.signals.SIGHUP)) process.on("SIGHUP", onSignal);
}

/** Returns whether the parent made this process ignore the signal, as `nohup` does. */
function isIgnored(signal: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
