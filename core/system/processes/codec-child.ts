/** Runs compressors and other filters as child processes that take content on their standard input, and push back as it does. */
import { untilAborted } from "../../abortable.ts";
import { Failure } from "../../failure.ts";
import type { ByteStream } from "../../format/codecs/zlib.ts";
import { altered } from "../../format/error.ts";
import { Child } from "./child.ts";
import type { PipeReader } from "./pipe.ts";
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
  { silenceMs = longestSilence, encodes = false, refusal: wording, signal: abort }: FilterRun = {},
): AsyncGenerator<Uint8Array> {
  const path = which(program);
  if (path === undefined) throw missing(program);
  abort?.throwIfAborted();
  const command = [path, ...args] as const;
  const pipes = { stdin: "wide pipe", keepsStdin: encodes, stdout: "wide pipe", extraPipe: false } as const;
  const child = new Child({ command, ...pipes, graceMs });
  child.stopOn(abort);
  const { stdin, stdout } = child;
  if (stdin === undefined || stdout === undefined) throw new Error("the child has no pipes");
  let left = false;
  let failure: { readonly error: unknown } | undefined;
  const load: Load = { taken: 0, written: 0, owes: false };
  const feed = async () => {
    try {
      for await (const piece of content) {
        load.owes = true;
        if (left) break;
        load.taken += piece.length;
        if (!(await stdin.write(piece))) break;
        load.written += piece.length;
        load.owes = false;
      }
    } catch (error) {
      failure = { error };
      // Before its input ends: it must not take a part for the whole.
      await child.terminate();
    }
    load.owes = true;
    stdin.close();
  };
  const fed = feed();
  let whole = false;
  let given = 0;
  const end = (why: string) => {
    failure ??= { error: wording?.(`${program}: ${why}`) ?? new Failure({ doing: "run", what: program, why }) };
    child.stop();
  };
  const watch = watchSilence(silenceMs, () =>
    load.owes && typeof stdout.state === "number" ? `${stdout.state} ${load.written}` : undefined,
  );
  watch.silent.then(() => end("it did nothing for too long, and was ended"));
  const rest = watchLeftBehind(child, stdout);
  rest.silent.then(() => end("it ended, and a process that it has left behind keeps its output open in silence"));
  try {
    for await (const piece of stdout) {
      given += piece.length;
      if (encodes && given > mostOf(load.taken)) {
        end(`it gave ${given} bytes for ${load.taken}`);
        break;
      }
      yield piece;
    }
    whole = true;
  } finally {
    watch.end();
    rest.end();
    left = !whole;
    if (left) child.stop();
    // Looks before anything else may end the input: what its output lacks may still lie in the pipe.
    const isAllTaken = stdin.release() ?? true;
    stdin.close();
    const finished = await untilAborted(abort, finish(child, silenceMs));
    // Waits for what the source has under way only if all of it was wanted.
    if (whole) await untilAborted(abort, fed);
    if (whole && failure === undefined && finished.exit !== 0)
      failure = { error: refusal(program, args, finished, wording) };
    if (whole && !isAllTaken) end("it ended well without taking all of its input");
    if (whole && encodes && given === 0) end("it ended well, and nothing came out");
  }
  if (failure !== undefined) throw failure.error;
}

/**
 * Waits for the end of a program whose output has ended. Ends the program if it goes on for too long, and sooner what it has left behind
 * and still writes errors.
 */
function finish(child: Child, silenceMs: number): Promise<EndedProgram> {
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
