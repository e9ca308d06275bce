/** What every subcommand is given. The wall clock, randomness and the host name enter the program here, and only here. */
import type { ExitStatus } from "../core/failure.ts";
import type { Notify } from "../core/notice.ts";
import type { Progress } from "./terminal/progress.ts";
import type { Ask, AskLine } from "./terminal/prompt.ts";

export type CommandIO = {
  /** One line of the result, to stdout, without newline. Control characters are escaped, in a way that JSON survives. */
  readonly out: (line: string) => void;
  /** To stderr, above the progress bar. */
  readonly notify: Notify;
  readonly progress: Progress;
  /** A Failure where there is no terminal to ask on. */
  readonly ask: Ask;
  readonly askLine: AskLine;
  /** Results are to be JSON: one document, or one on each line. */
  readonly json: boolean;
  readonly now: () => Date;
  /** `length` random bytes, fit for secrets. */
  readonly random: (length: number) => Uint8Array;
  readonly hostName: string;
  /** Aborted by SIGINT, SIGTERM, and when nobody reads stdout any more. Jobs end cleanly and throw its reason. */
  readonly signal: AbortSignal;
};

/** The shape of a subcommand's file: `export const run: Run<ArchiveArgs> = async (args, io) => …`. */
export type RunSubcommand<Args> = (args: Args, io: CommandIO) => Promise<ExitStatus>;
