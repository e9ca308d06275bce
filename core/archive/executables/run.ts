/** Runs pickers and snapshotters: their arguments and pipes, a limit on silence, and words for how they ended. */
import { type Finished, spawnExecutable } from "../../system/processes/process.ts";
import type { Executable } from "./find.ts";
import { SilenceLimit } from "./silence.ts";

export type RunOptions = {
  readonly executable: Executable;
  readonly args: readonly string[];
  /** What it gets as descriptor 3; a number is an open file, which stays open here. */
  readonly extra: "nothing" | "pipe" | number;
  /** Variables beside those that all children get. */
  readonly environment: Readonly<Record<string, string>> | undefined;
  /** Longest silence in milliseconds: time in which the run waits for output and gets none. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
};

export type Run = {
  readonly stdout: AsyncIterable<Uint8Array>;
  /** Output on descriptor 3; empty if that is no pipe. */
  readonly extra: AsyncIterable<Uint8Array>;
  /** Resolves after both streams were read to their end. Never rejects. */
  readonly ended: Promise<Ending>;
  /** Ends the executable and all that it started. The streams end at once. */
  stop(): void;
  /** Restarts the limit on silence, for output that does not come by the streams. */
  heard(): void;
};

export type Ending = {
  /** Exit status; null if it was ended by a signal, or if its output is cut off. */
  readonly exit: number | null;
  /** Rest of a sentence that begins with its name and says how it failed; undefined if it succeeded. */
  readonly failure: string | undefined;
  /** End of its stderr, on one line; may be empty. */
  readonly lastWords: string;
};

/**
 * Starts an executable in the folder `/`, with an empty stdin. A shell changes the folder, and runs scripts that name no
 * interpreter. Throws a Failure if no process can be started.
 */
export function run({ executable, args, extra, environment, timeoutMs, signal }: RunOptions): Run {
  const child = spawnExecutable({
    path: "/bin/sh",
    args: ["-c", 'cd / && exec "$0" "$@"', executable.path, ...args],
    timeoutMs: Number.POSITIVE_INFINITY,
    extraPipe: extra === "pipe",
    extraFile: typeof extra === "number" ? extra : undefined,
    environment,
    ...(signal !== undefined && { abort: signal }),
  });
  const silence = new SilenceLimit(timeoutMs, child.stop);
  const ended = child.finished.then((finished) => {
    silence.end();
    return endingOf(finished, silence.broken ? timeoutMs : undefined);
  });
  return {
    stdout: silence.watch(child.stdout),
    extra: silence.watch(child.extra ?? nothing()),
    ended,
    stop: child.stop,
    heard: () => silence.heard(),
  };
}

async function* nothing(): AsyncGenerator<never> {}

function endingOf(finished: Finished, silentMs: number | undefined): Ending {
  const lastWords = oneLine(finished.stderrTail);
  const whole = silentMs === undefined && !finished.cutOff;
  const how = howItFailed(finished, silentMs);
  return {
    exit: whole ? (finished.exit ?? null) : null,
    failure: how === undefined || lastWords === "" ? how : `${how}: ${lastWords}`,
    lastWords,
  };
}

function howItFailed({ exit, signal, cutOff }: Finished, silentMs: number | undefined): string | undefined {
  if (silentMs !== undefined) return `was ended after ${silentMs / 1000} s of silence`;
  if (exit === undefined) return `was ended by ${signal ?? "a signal"}`;
  if (exit !== 0) return `exited with status ${exit}`;
  if (cutOff) return "ended, but what it had started kept its output open and was ended";
  return undefined;
}

const longestWords = 300;

function oneLine(text: string): string {
  const line = text.trim().replace(/\s*\n\s*/g, "; ");
  return line.length > longestWords ? `…${line.slice(-longestWords)}` : line;
}
