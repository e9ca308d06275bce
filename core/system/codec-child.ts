/** Runs compressors as child processes that take content on their standard input, and push back as it does. */
import { Failure } from "../failure.ts";
import type { CodecProgram } from "../format/codec.ts";
import { altered } from "../format/error.ts";
import type { ByteStream } from "../format/zlib.ts";
import { Child } from "./child.ts";
import { which } from "./programs.ts";

const graceMs = 5_000;

/** Yields what the program makes of the content, read no faster than the result is taken. Leaving the loop ends the program. */
export async function* throughProgram(
  program: CodecProgram,
  args: readonly string[],
  content: ByteStream,
): AsyncGenerator<Uint8Array> {
  const path = which(program);
  if (path === undefined) throw missing(program);
  const child = new Child({ command: [path, ...args], stdin: "pipe", stdout: "pipe", extraPipe: false, graceMs });
  const { stdin, stdout } = child;
  if (stdin === undefined || stdout === undefined) throw new Error("the child has no pipes");
  let left = false;
  let failure: { readonly error: unknown } | undefined;
  const feed = async () => {
    try {
      for await (const piece of content) if (left || !(await stdin.write(piece))) break;
    } catch (error) {
      failure = { error };
      // Before its input ends: it must not take a part for the whole.
      await child.terminate();
    }
    stdin.close();
  };
  const fed = feed();
  let whole = false;
  try {
    yield* stdout;
    whole = true;
  } finally {
    left = !whole;
    if (left) child.stop();
    stdin.close();
    const finished = await child.finish("end");
    // Waits for what the source has under way only if all of it was wanted.
    if (whole) await fed;
    if (whole && failure === undefined && finished.exit !== 0) failure = { error: refusal(program, args, finished) };
  }
  if (failure !== undefined) throw failure.error;
}

type EndedProgram = Awaited<ReturnType<Child["finish"]>>;

function refusal(program: string, args: readonly string[], { exit, signal, stderrTail }: EndedProgram): Error {
  const how = exit === undefined ? `was ended by ${signal ?? "a signal"}` : `exited with status ${exit}`;
  const words = stderrTail.trim().replace(/\s*\n\s*/g, "; ");
  const why = `${program} ${how}${words === "" ? "" : `: ${words}`}`;
  // A signal says nothing of the content.
  if (args.includes("-d") && exit !== undefined) return altered(why);
  return new Failure({ doing: "run", what: program, why });
}

function missing(program: string): Failure {
  const remedy = `install the package ${program === "xz" ? "xz-utils" : program}`;
  return new Failure({ doing: "run", what: program, why: "there is no such program on this machine", remedy });
}
