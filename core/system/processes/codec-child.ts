/** Runs compressors and other filters as child processes that take content on their standard input, and push back as it does. */
import { untilAborted } from "../../abortable.ts";
import { Failure } from "../../failure.ts";
import type { ByteStream } from "../../format/codecs/zlib.ts";
import { altered } from "../../format/error.ts";
import { Child } from "./child.ts";
import type { PipeReader, PipeWriter } from "./pipe.ts";
import { which } from "./programs.ts";

const graceMs = 5_000;
/** Time for errors that come after the end. */
const errorsMs = 1_000;
/** Patience with a compressor: xz at its best level gives nothing for some seconds. */
const longestSilence = 300_000;

export type FilterRun = {
  /** Ends the program. */
  readonly signal?: AbortSignal | undefined;
  /** Time after which a program that has all it needs, and gives nothing, is ended. */
  readonly silenceMs?: number;
  /** Whether it compresses or seals: then it is to take all of the content, and to give something, but not many times as much. */
  readonly encodes?: boolean;
  /** Returns the error that stands for what the program said; undefined for the usual one. */
  readonly refusal?: (why: string) => Error | undefined;
};

/** Returns a bound on what any filter makes of so many bytes: text of base64 or hex, and a header for each recipient, are less. */
function mostOf(bytes: number): number {
  return 4 * bytes + 1024 * 1024;
}

/** How much of the content was `taken` for it, and how much it has got. `owes`: it has something, or all, and gives nothing yet. */
type Load = { taken: number; written: number; owes: boolean };

/** Yields what the program makes of the content, read no faster than the result is taken. Leaving the loop ends the program. */
export async function* throughProgram(
  program: string,
  args: readonly string[],
  content: ByteStream,
  run: FilterRun = {},
): AsyncGenerator<Uint8Array> {
  const path = which(program);
  if (path === undefined) throw missing(program);
  run.signal?.throwIfAborted();
  const filter = new FilterProgram(program, [path, ...args], run);
  const fed = filter.feed(content);
  let isWhole = false;
  try {
    for await (const piece of filter.output()) yield piece;
    isWhole = true;
  } finally {
    await filter.finish(isWhole, fed);
  }
  filter.throwFailure();
}

/** A program that runs, with its input and output. */
class FilterProgram {
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #run: FilterRun;
  readonly #silenceMs: number;
  readonly #child: Child;
  readonly #stdin: PipeWriter;
  readonly #stdout: PipeReader;
  readonly #load: Load = { taken: 0, written: 0, owes: false };
  /** Bytes of its output. */
  #given = 0;
  #isLeft = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(program: string, command: readonly [string, ...string[]], run: FilterRun) {
    this.#program = program;
    this.#args = command.slice(1);
    this.#run = run;
    this.#silenceMs = run.silenceMs ?? longestSilence;
    const pipes = {
      stdin: "wide pipe",
      keepsStdin: run.encodes === true,
      stdout: "wide pipe",
      extraPipe: false,
    } as const;
    this.#child = new Child({ command, ...pipes, graceMs });
    this.#child.stopOn(run.signal);
    const { stdin, stdout } = this.#child;
    if (stdin === undefined || stdout === undefined) throw new Error("the child has no pipes");
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  /** Writes the content to the program, for as long as that takes it. Never throws: what the content throws is the failure. */
  async feed(content: ByteStream): Promise<void> {
    const load = this.#load;
    try {
      for await (const piece of content) {
        load.owes = true;
        if (this.#isLeft) break;
        load.taken += piece.length;
        if (!(await this.#stdin.write(piece))) break;
        load.written += piece.length;
        load.owes = false;
      }
    } catch (error) {
      this.#failure = { error };
      // Before its input ends: it must not take a part for the whole.
      await this.#child.terminate();
    }
    load.owes = true;
    this.#stdin.close();
  }

  /** Yields what the program gives. A program that gives nothing for too long, or too much, is ended. */
  async *output(): AsyncGenerator<Uint8Array> {
    const load = this.#load;
    const stdout = this.#stdout;
    const watch = watchSilence(this.#silenceMs, () =>
      load.owes && typeof stdout.state === "number" ? `${stdout.state} ${load.written}` : undefined,
    );
    watch.silent.then(() => this.#end("it did nothing for too long, and was ended"));
    const rest = watchLeftBehind(this.#child, stdout);
    rest.silent.then(() =>
      this.#end("it ended, and a process that it has left behind keeps its output open in silence"),
    );
    try {
      for await (const piece of stdout) {
        this.#given += piece.length;
        if (this.#run.encodes === true && this.#given > mostOf(load.taken)) {
          this.#end(`it gave ${this.#given} bytes for ${load.taken}`);
          break;
        }
        yield piece;
      }
    } finally {
      watch.end();
      rest.end();
    }
  }

  /** Waits for the program's end. `isWhole`: all of its output was taken; otherwise it is stopped. `fed`: settles when `feed` is done. */
  async finish(isWhole: boolean, fed: Promise<void>): Promise<void> {
    const { encodes, signal } = this.#run;
    this.#isLeft = !isWhole;
    if (!isWhole) this.#child.stop();
    // Looks before anything else may end the input: what its output lacks may still lie in the pipe.
    const isAllTaken = this.#stdin.release() ?? true;
    this.#stdin.close();
    const ended = await untilAborted(signal, endOf(this.#child, this.#silenceMs));
    // Waits for what the source has under way only if all of it was wanted.
    if (!isWhole) return;
    await untilAborted(signal, fed);
    if (ended.exit !== 0) this.#failure ??= { error: refusal(this.#program, this.#args, ended, this.#run.refusal) };
    if (!isAllTaken) this.#end("it ended well without taking all of its input");
    if (encodes === true && this.#given === 0) this.#end("it ended well, and nothing came out");
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Ends the program. `why` is its failure, unless it has one already. */
  #end(why: string): void {
    const program = this.#program;
    this.#failure ??= {
      error: this.#run.refusal?.(`${program}: ${why}`) ?? new Failure({ doing: "run", what: program, why }),
    };
    this.#child.stop();
  }
}

/**
 * Waits for the end of a program whose output has ended. Ends the program if it goes on for too long, and sooner what it has left behind
 * and still writes errors.
 */
function endOf(child: Child, silenceMs: number): Promise<EndedProgram> {
  child.stopAfter(silenceMs);
  child.ended.then(() => child.stopAfter(errorsMs));
  return child.finish("end");
}

/** Resolves `silent` when the program has ended, and its output is held open by another process that gives nothing. */
function watchLeftBehind(child: Child, stdout: PipeReader) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let end = () => {};
  let isOver = false;
  child.ended.then(() => {
    if (isOver) return;
    const watch = watchSilence(graceMs, () => (typeof stdout.state === "number" ? `${stdout.state}` : undefined));
    watch.silent.then(resolve);
    end = watch.end;
  });
  return {
    silent: promise,
    end: () => {
      isOver = true;
      end();
    },
  };
}

/** Resolves `silent` when `state` is the same text twice, so many milliseconds apart. Undefined: nothing is expected now. */
function watchSilence(silenceMs: number, state: () => string | undefined) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let before: string | undefined;
  const timer = setInterval(() => {
    const now = state();
    if (now !== undefined && now === before) resolve();
    before = now;
  }, silenceMs);
  return { silent: promise, end: () => clearInterval(timer) };
}

type EndedProgram = Awaited<ReturnType<Child["finish"]>>;

function refusal(
  program: string,
  args: readonly string[],
  { exit, signal, stderrTail }: EndedProgram,
  wording: FilterRun["refusal"],
): Error {
  const how = exit === undefined ? `was ended by ${signal ?? "a signal"}` : `exited with status ${exit}`;
  const words = stderrTail.trim().replace(/\s*\n\s*/g, "; ");
  const why = `${program} ${how}${words === "" ? "" : `: ${words}`}`;
  const worded = wording?.(why);
  if (worded !== undefined) return worded;
  // A signal says nothing of the content.
  if (args.includes("-d") && exit !== undefined) return altered(why);
  return new Failure({ doing: "run", what: program, why });
}

function missing(program: string): Failure {
  const remedy = `install the package ${program === "xz" ? "xz-utils" : program}`;
  return new Failure({ doing: "run", what: program, why: "there is no such program on this machine", remedy });
}
