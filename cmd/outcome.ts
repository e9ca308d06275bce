/** Ends a run: turns everything that a subcommand can throw into one line and one exit status, here and nowhere else. */
import { type ExitStatus, exitStatus, Failure, reasonOf } from "../core/failure.ts";
import { Interrupted, OutputClosed } from "./interrupt.ts";
import type { Output } from "./output.ts";
import type { Screen } from "./terminal/screen.ts";

export type OutcomeDeps = {
  readonly screen: Screen;
  readonly output: Output;
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Whether defects are printed with their stack. */
  readonly debug: boolean;
};

/** Runs `job` to its end. Never throws. */
export async function outcomeOf(job: () => Promise<ExitStatus>, around: OutcomeDeps): Promise<ExitStatus> {
  const { signal, output } = around;
  let status: ExitStatus;
  try {
    status = await job();
  } catch (error) {
    status = failed(error, around);
  }
  try {
    output.flush();
  } catch (error) {
    return failed(error, around);
  }
  return signal.reason instanceof Interrupted ? exitStatus.interrupted : status;
}

function failed(error: unknown, { screen, output, json, signal, debug }: OutcomeDeps): ExitStatus {
  screen.status(undefined);
  if (signal.reason instanceof OutputClosed && isAbort(error, signal)) return exitStatus.done;
  const document = documentOf(error, signal);
  screen.line("error", `sysbackup: ${document.message}`);
  if (debug && error instanceof Error) for (const line of (error.stack ?? "").split("\n")) screen.line("error", line);
  if (json) output.line(JSON.stringify({ error: document }));
  return document.exit;
}

/** An error in `--json`: the whole message, and its parts if it has any. */
type ErrorDocument = {
  readonly message: string;
  readonly exit: ExitStatus;
  readonly doing?: string;
  readonly what?: string | undefined;
  readonly why?: string;
  readonly remedy?: string | undefined;
};

function documentOf(error: unknown, signal: AbortSignal): ErrorDocument {
  if (isAbort(error, signal)) return { message: reasonOf(signal.reason), exit: exitStatus.interrupted };
  if (error instanceof Failure) {
    const { doing, what, why, remedy } = error.parts;
    return { message: error.message, exit: error.exit, doing, what, why, remedy };
  }
  const kind = error instanceof Error ? `${error.name}: ` : "";
  return {
    message: `${kind}${reasonOf(error)} (this is a defect: please report it, with what SYSBACKUP_DEBUG=1 shows)`,
    exit: exitStatus.failed,
  };
}

/** Returns whether a job threw this because of the signal: its reason, an AbortError of the platform, or an error caused by these. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  if (error === signal.reason) return true;
  return error instanceof Error && (error.name === "AbortError" || isAbort(error.cause, signal));
}
