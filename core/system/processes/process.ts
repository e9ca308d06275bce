/**
 * Runs child processes: pickers, snapshotters, restore commands.
 *
 * - A child leads its own process group, which is ended as a whole: by SIGTERM, and by SIGKILL after a grace period.
 * - Its output comes through pipes that push back, in bounded memory.
 * - Once it has ended, processes that it left behind may finish writing, but not keep us waiting in silence.
 */
import { accessSync, constants, statSync } from "node:fs";
import { Failure, reasonOf } from "../../failure.ts";
import { Child, type Finished } from "./child.ts";
import type { PipeWriter } from "./pipe.ts";

export type { Finished } from "./child.ts";

export type Invocation = {
  readonly path: string;
  readonly args: readonly string[];
  /** For the whole run, reading its output included. */
  readonly timeoutMs: number;
  /** Whether it gets a pipe as descriptor 3, which is read as `extra`. */
  readonly extraPipe: boolean;
  /** An open file that it gets as descriptor 3, in place of a pipe. It stays open here. */
  readonly extraFile?: number | undefined;
  /** Variables beside those that all children get. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Stops the child, as `stop()` does. */
  readonly abort?: AbortSignal;
  /** Time between SIGTERM and SIGKILL, and the longest silence after its end. */
  readonly graceMs?: number;
};

export type Running = {
  readonly stdout: AsyncIterable<Uint8Array>;
  /** What it writes to descriptor 3. */
  readonly extra?: AsyncIterable<Uint8Array>;
  /** Resolves once the child has ended and both streams were read to their end, or left. Never rejects. */
  readonly finished: Promise<Finished>;
  /** Ends the group; both streams end at once. */
  stop(): void;
};

const defaultGraceMs = 5_000;

/**
 * Starts an executable. Throws a `Failure` if it is not one. Read both streams at the same time: a child that cannot write
 * waits.
 */
export function spawnExecutable(executable: Invocation): Running {
  const { path, args, timeoutMs, extraPipe, extraFile, environment, abort, graceMs = defaultGraceMs } = executable;
  requireExecutable(path);
  const child = new Child({
    command: [path, ...args],
    stdin: "nothing",
    stdout: "pipe",
    extraPipe,
    extraFile,
    environment,
    graceMs,
  });
  const { stdout, extra } = child;
  if (stdout === undefined) throw new Error("the child has no stdout");
  child.stopOn(abort);
  child.stopAfter(timeoutMs);
  return { stdout, ...(extra !== undefined && { extra }), finished: child.finish("end"), stop: () => child.stop() };
}

/** Throws a Failure unless the path is an executable, or a link to one. */
function requireExecutable(path: string): void {
  const refused = (why: string) => new Failure({ doing: "run", what: path, why });
  let regular: boolean;
  try {
    regular = statSync(path).isFile();
  } catch (error) {
    throw refused(reasonOf(error));
  }
  if (!regular) throw refused("it is not a regular file");
  try {
    accessSync(path, constants.X_OK);
  } catch {
    const remedy = "make it executable with chmod +x, or move it elsewhere";
    throw new Failure({ doing: "run", what: path, why: "it is not executable", remedy });
  }
}

export type PipedCommand = {
  /** Command for `sh -c`. Its stdout is our stderr. */
  readonly command: string;
  readonly input: AsyncIterable<Uint8Array>;
  readonly abort?: AbortSignal;
  readonly graceMs?: number;
};

/**
 * Runs a shell command with `input` as its stdin. A command need not read all of it. If `input` itself fails, the command is
 * ended before it can take incomplete input as complete, and the error is rethrown. What the command leaves running, such as
 * a service that it started, keeps running.
 */
export async function pipeInto({ command, input, abort, graceMs = defaultGraceMs }: PipedCommand): Promise<Finished> {
  const child = new Child({
    command: ["/bin/sh", "-c", command],
    stdin: "pipe",
    stdout: "stderr",
    extraPipe: false,
    graceMs,
  });
  const { stdin } = child;
  if (stdin === undefined) throw new Error("the child has no stdin");
  child.stopOn(abort);
  const finished = child.finish("leave");
  try {
    await feed(stdin, input, child.ended);
  } catch (error) {
    await child.terminate();
    stdin.close();
    await finished;
    throw error;
  }
  stdin.close();
  return await finished;
}

/** Writes the input. Returns early if nobody reads any more, also while `input` has nothing to give. */
async function feed(stdin: PipeWriter, input: AsyncIterable<Uint8Array>, ended: Promise<void>): Promise<void> {
  let over = false;
  const end = ended.then(() => {
    over = true;
  });
  const writing = async () => {
    for await (const piece of input) {
      if (over || !(await stdin.write(piece))) return;
    }
  };
  await Promise.race([writing(), end]);
}
