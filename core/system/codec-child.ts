/** Runs compressors and other filters as child processes that take content on their standard input, and push back as it does. */
import { Failure } from "../failure.ts";
import { altered } from "../format/error.ts";
import type { ByteStream } from "../format/zlib.ts";
import { Child } from "./child.ts";
import { which } from "./programs.ts";

const graceMs = 5_000;

export type FilterPatience = {
  /** Time after which a program that has all it needs, and gives nothing, is ended. */
  readonly silenceMs?: number;
  /** Returns the error that stands for what the program said; undefined for the usual one. */
  readonly refusal?: (why: string) => Error | undefined;
};

/** Yields what the program makes of the content, read no faster than the result is taken. Leaving the loop ends the program. */
export async function* throughProgram(
  program: string,
  args: readonly string[],
  content: ByteStream,
  { silenceMs, refusal: wording }: FilterPatience = {},
): AsyncGenerator<Uint8Array> {
  const path = which(program);
  if (path === undefined) throw missing(program);
  const command = [path, ...args] as const;
  const child = new Child({ command, stdin: "wide pipe", stdout: "wide pipe", extraPipe: false, graceMs });
  const { stdin, stdout } = child;
  if (stdin === undefined || stdout === undefined) throw new Error("the child has no pipes");
  let left = false;
  let failure: { readonly error: unknown } | undefined;
  const load = { written: 0, owes: false };
  const feed = async () => {
    try {
      for await (const piece of content) {
        load.owes = true;
        if (left || !(await stdin.write(piece))) break;
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
  const watch = watchSilence(silenceMs, () =>
    load.owes && typeof stdout.state === "number" ? `${stdout.state} ${load.written}` : undefined,
  );
  watch.silent.then(() => {
    const why = "it did nothing for too long, and was ended";
    failure ??= { error: wording?.(`${program}: ${why}`) ?? new Failure({ doing: "run", what: program, why }) };
    child.stop();
  });
  try {
    yield* stdout;
    whole = true;
  } finally {
    watch.end();
    left = !whole;
    if (left) child.stop();
    stdin.close();
    const finished = await child.finish("end");
    // Waits for what the source has under way only if all of it was wanted.
    if (whole) await fed;
    if (whole && failure === undefined && finished.exit !== 0)
      failure = { error: refusal(program, args, finished, wording) };
  }
  if (failure !== undefined) throw failure.error;
}

/** Resolves `silent` when `state` is the same text twice, so many milliseconds apart. Undefined: nothing is expected now. */
function watchSilence(silenceMs: number | undefined, state: () => string | undefined) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let before: string | undefined;
  const timer =
    silenceMs === undefined
      ? undefined
      : setInterval(() => {
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
  wording: FilterPatience["refusal"],
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
