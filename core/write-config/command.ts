/**
 * Programs that write-config runs: as root to install files, and on the terminal to ask for a passphrase. They stay in the
 * terminal's session, so that sudo, age and ccrypt can ask there themselves. What is secret goes through a pipe.
 */
import { Failure, reasonOf } from "../failure.ts";
import { childEnvironment } from "../system/environment.ts";
import { close } from "../system/files.ts";
import { makePipe, PipeWriter } from "../system/pipe.ts";

export type Input = {
  /** What it is, as shown to the user: `the credentials`. */
  readonly name: string;
  readonly text: () => string;
};

export type Command = {
  readonly words: readonly [string, ...string[]];
  /** For its standard input; nothing where absent. */
  readonly input?: Input;
};

/** The same, with the rights of root. */
export function asRoot(command: Command, isRoot: boolean): Command {
  return isRoot ? command : { ...command, words: ["sudo", ...command.words] };
}

/** As it could be typed into a shell. */
export function typed({ words, input }: Command): string {
  const line = words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
  return input === undefined ? line : `${line}  # standard input: ${input.name}`;
}

export type CommandOptions = {
  /** For its standard output: a descriptor, or "capture"; ours for messages where absent. */
  readonly output?: number | "capture";
  /** Its messages go to the terminal at once, instead of into the Failure. */
  readonly talks?: boolean;
  /** Asks it to end. Without, it is waited for: what runs as root is short, and better whole than torn. */
  readonly signal?: AbortSignal;
};

/** Its captured output. Throws a Failure for an exit status other than 0, the signal's reason where that ended it. */
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
    const [printed, said, exit] = await Promise.all([child.stdout, child.stderr, child.process.exited, child.fed]);
    // Ctrl-C reaches the child as well, and may end it first.
    await Bun.sleep(0);
    signal?.throwIfAborted();
    if (exit === 0) return printed;
    const why = `${program} ended with status ${exit}${said === "" ? "" : `: ${said}`}`;
    throw new Failure({ doing: "run", what: typed(command), why });
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** Whether a command that only looks ends with exit status 0; what it prints does not matter. */
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
