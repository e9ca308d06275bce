/**
 * Runs programs for write-config: as root to install files, and on the terminal to ask for a passphrase. They stay in the
 * terminal's session, so that sudo, age and ccrypt can ask there themselves. Secrets go through a pipe.
 */
import { Failure, reasonOf } from "../failure.ts";
import { close } from "../system/files/files.ts";
import { childEnvironment } from "../system/processes/environment.ts";
import { makePipe, PipeWriter } from "../system/processes/pipe.ts";

export type Input = {
  /** Name that is shown to the user: `the credentials`. */
  readonly name: string;
  readonly text: () => string;
};

export type Command = {
  readonly words: readonly [string, ...string[]];
  /** Standard input; empty if undefined. */
  readonly input?: Input;
};

/** The command with the rights of root, by sudo if needed. */
export function asRoot(command: Command, isRoot: boolean): Command {
  return isRoot ? command : { ...command, words: ["sudo", ...command.words] };
}

/** The command as it can be typed into a shell. */
export function typed({ words, input }: Command): string {
  const line = words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
  return input === undefined ? line : `${line}  # standard input: ${input.name}`;
}

export type CommandOptions = {
  /** Standard output: a descriptor, or "capture"; our stderr if undefined. */
  readonly output?: number | "capture";
  /** Whether messages go to the terminal at once, instead of into the Failure. */
  readonly talks?: boolean;
  /** Ends the program. Without it, the program always finishes: commands as root are short, and must not stop half-way. */
  readonly signal?: AbortSignal;
};

/** Returns the captured output. Throws a Failure for an exit status other than 0, or the signal's reason if that ended it. */
export async function runCommand(
  command: Command,
  { output = 2, talks = false, signal }: CommandOptions = {},
): Promise<string> {
  signal?.throwIfAborted();
  const [program] = command.words;
  const child = start(command, output, talks);
  const stop = () => child.process.kill("SIGTERM");
  signal?.addEventListener("abort", stop);
  try {
    const [printed, messages, exit] = await Promise.all([child.stdout, child.stderr, child.process.exited, child.fed]);
    // Ctrl-C also reaches the child, and may end it first.
    await Bun.sleep(0);
    signal?.throwIfAborted();
    if (exit === 0) return printed;
    const why = `${program} ended with status ${exit}${messages === "" ? "" : `: ${messages}`}`;
    throw new Failure({ doing: "run", what: typed(command), why });
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Returns whether a command that changes nothing ends with exit status 0. Its output is ignored. */
export async function succeeds(words: Command["words"]): Promise<boolean> {
  const stdio: ["ignore", "ignore", "ignore"] = ["ignore", "ignore", "ignore"];
  return (await Bun.spawn([...words], { stdio, env: childEnvironment() }).exited) === 0;
}

const tailCharacters = 500;

function start(command: Command, output: number | "capture", talks: boolean) {
  const input = command.input === undefined ? undefined : makePipe();
  try {
    const child = Bun.spawn([...command.words], {
      stdin: input?.readEnd ?? "ignore",
      stdout: output === "capture" ? "pipe" : output,
      stderr: talks ? "inherit" : "pipe",
      env: childEnvironment(),
    });
    const textOf = async (stream: ReadableStream<Uint8Array> | number | undefined) =>
      stream instanceof ReadableStream ? await new Response(stream).text() : "";
    return {
      process: child,
      stdout: textOf(child.stdout),
      stderr: textOf(child.stderr).then((text) =>
        text
          .trim()
          .replaceAll(/\s*\n\s*/g, ", ")
          .slice(-tailCharacters),
      ),
      fed: input === undefined ? undefined : feed(input.writeEnd, command.input?.text() ?? ""),
    };
  } catch (error) {
    if (input !== undefined) close(input.writeEnd);
    throw new Failure({ doing: "run", what: command.words[0], why: reasonOf(error), cause: error });
  } finally {
    if (input !== undefined) close(input.readEnd);
  }
}

async function feed(writeEnd: number, text: string): Promise<void> {
  const writer = new PipeWriter(writeEnd);
  await writer.write(Buffer.from(text));
  writer.close();
}
