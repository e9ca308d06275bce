/** Everything that a subcommand needs from outside. The wall clock, randomness and the host name enter the program only here. */
import type { ExitStatus } from "../core/failure.ts";
import type { Notify } from "../core/notice.ts";
import type { Progress } from "./terminal/progress.ts";
import type { Ask, AskLine } from "./terminal/prompt.ts";

export type CommandIO = {
  /** Prints one line of the result to stdout; `line` has no newline. Control characters are escaped, as valid JSON. */
  readonly out: (line: string) => void;
  /** Writes bytes to stdout as they are: content, and paths for programs to read. Does not keep `piece`. */
  readonly outBytes: (piece: Uint8Array) => void;
  /** Prints to stderr, above the progress bar. */
  readonly notify: Notify;
  readonly progress: Progress;
  /** Throws a Failure if there is no terminal to ask on. */
  readonly ask: Ask;
  readonly askLine: AskLine;
  /** Whether results are printed as JSON: one document, or one a line. */
  readonly json: boolean;
  readonly now: () => Date;
  /** Returns `length` random bytes, fit for secrets. */
  readonly random: (length: number) => Uint8Array;
  readonly hostName: string;
  /** Aborts on SIGINT, on SIGTERM, and when nobody reads stdout any more. Jobs then end cleanly and throw its reason. */
  readonly signal: AbortSignal;
};

/** The shape of a subcommand's `run.ts`: `export const run: RunSubcommand<ArchiveArgs> = async (args, io) => …`. */
export type RunSubcommand<Args> = (args: Args, io: CommandIO) => Promise<ExitStatus>;
