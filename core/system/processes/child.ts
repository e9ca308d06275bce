/** Starts a child process in its own group, and ends it. Use `process.ts` instead, which calls this. */
import { Failure, reasonOf } from "../../failure.ts";
import { close } from "../files/files.ts";
import { childEnvironment } from "./environment.ts";
import { makePipe, PipeReader, PipeWriter, type ReaderState } from "./pipe.ts";

export type Finished = {
  /** Exit status; undefined if a signal ended it. */
  readonly exit: number | undefined;
  /** Name of the signal that ended it: `SIGTERM`. */
  readonly signal?: string;
  readonly timedOut: boolean;
  /** Whether its output was closed while something still held it open: the output may be incomplete. */
  readonly cutOff: boolean;
  /** The end of what it wrote to stderr, at most 2,000 characters. */
  readonly stderrTail: string;
};

export type StartOptions = {
  /** The executable, and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** "nothing": it finds the end at once. */
  readonly stdin: "pipe" | "wide pipe" | "nothing";
  /** Whether its input keeps a read end of ours: see `PipeWriter.release`, which is to be called. */
  readonly keepsStdin?: boolean;
  /** "stderr" is our own stderr. */
  readonly stdout: "pipe" | "wide pipe" | "stderr";
  /** Whether it gets a pipe as descriptor 3. */
  readonly extraPipe: boolean;
  /** An open file that it gets as descriptor 3, in place of a pipe. */
  readonly extraFile?: number | undefined;
  /** Variables beside those that all children get. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Time between SIGTERM and SIGKILL, and the longest silence after its end. */
  readonly graceMs: number;
};

const longestTimer = 2 ** 31 - 1;

/** Groups that run. They are separate from ours, so that a terminal's Ctrl-C does not reach them: we must end them before we end. */
const running = new Set<number>();
process.on("exit", () => {
  for (const group of running) killGroup(group, "SIGKILL");
});

/** Sends a signal to a group. Returns whether the group has a process. */
function killGroup(group: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

export class Child {
  readonly stdin: PipeWriter | undefined;
  readonly stdout: PipeReader | undefined;
  readonly extra: PipeReader | undefined;
  /** Settles when the process itself has ended, or cannot be ended. */
  readonly ended: Promise<void>;
  readonly #process: Bun.Subprocess;
  readonly #stderr: PipeReader;
  readonly #readers: readonly PipeReader[];
  readonly #graceMs: number;
  readonly #giveUp: () => void;
  readonly #cleanup: (() => void)[] = [];
  #termination: Promise<void> | undefined;
  #timedOut = false;
  #cutOff = false;

  constructor(options: StartOptions) {
    const { command, stdin, keepsStdin = false, stdout, extraPipe, extraFile, environment, graceMs } = options;
    const input = stdin === "nothing" ? undefined : makePipe({ wide: stdin === "wide pipe" });
    const output = stdout === "stderr" ? undefined : makePipe({ wide: stdout === "wide pipe" });
    const errors = makePipe();
    const extra = extraPipe ? makePipe() : undefined;
    const third = extra?.writeEnd ?? extraFile;
    try {
      this.#process = Bun.spawn([...command], {
        stdio: [
          input?.readEnd ?? "ignore",
          output?.writeEnd ?? 2,
          errors.writeEnd,
          ...(third === undefined ? [] : [third]),
        ],
        env: { ...environment, ...childEnvironment() },
        detached: true,
      });
    } catch (error) {
      closeAll([
        input?.writeEnd,
        keepsStdin ? input?.readEnd : undefined,
        output?.readEnd,
        errors.readEnd,
        extra?.readEnd,
      ]);
      throw new Failure({ doing: "run", what: command[0], why: reasonOf(error), cause: error });
    } finally {
      closeAll([keepsStdin ? undefined : input?.readEnd, output?.writeEnd, errors.writeEnd, extra?.writeEnd]);
    }
    this.stdin = input && new PipeWriter(input.writeEnd, keepsStdin ? input.readEnd : undefined);
    this.stdout = output && new PipeReader(output.readEnd);
    this.extra = extra && new PipeReader(extra.readEnd);
    this.#stderr = new PipeReader(errors.readEnd);
    this.#readers = [this.stdout, this.extra, this.#stderr].filter((reader) => reader !== undefined);
    this.#graceMs = graceMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#giveUp = resolve;
    this.ended = promise;
    running.add(this.#process.pid);
    this.#process.exited.then(() => resolve());
  }

  /** Ends the group now, and the streams with it. */
  stop(): void {
    void this.terminate();
    this.#closeReaders();
  }

  stopOn(abort: AbortSignal | undefined): void {
    if (abort === undefined) return;
    const stop = () => this.stop();
    if (abort.aborted) stop();
    abort.addEventListener("abort", stop);
    this.#cleanup.push(() => abort.removeEventListener("abort", stop));
  }

  /** Ends the group after the time. What it wrote before can still be read for a grace period. */
  stopAfter(timeoutMs: number): void {
    const timer = setTimeout(
      async () => {
        this.#timedOut = true;
        await this.terminate();
        await within(this.#allClosed(), this.#graceMs);
        this.#cutOff ||= this.#closeReaders();
      },
      Math.min(timeoutMs, longestTimer),
    );
    this.#cleanup.push(() => clearTimeout(timer));
  }

  /** Sends SIGTERM to the group, and SIGKILL to what is left of it after the grace period. Settles when that is done. */
  terminate(): Promise<void> {
    this.#termination ??= this.#terminate();
    return this.#termination;
  }

  async #terminate(): Promise<void> {
    const pause = 20;
    this.#signal("SIGTERM");
    for (let waited = 0; waited < this.#graceMs && this.#signal(0); waited += pause) await Bun.sleep(pause);
    if (!this.#signal("SIGKILL")) return;
    // Bounded, as a process stuck in the kernel cannot be ended.
    await within(this.ended, this.#graceMs);
    this.#giveUp();
  }

  /** Sends a signal to the group. Returns whether the group has a process. */
  #signal(signal: "SIGTERM" | "SIGKILL" | 0): boolean {
    return killGroup(this.#process.pid, signal);
  }

  /**
   * Settles when the child has ended and its streams were read to their end, or left. Processes that it leaves behind and that
   * hold the streams open in silence are ended with its group, or left alone; the streams end in both cases.
   */
  async finish(leftBehind: "end" | "leave"): Promise<Finished> {
    const tail = tailOf(this.#stderr);
    await this.ended;
    let before = this.#states();
    while (!(await within(this.#allClosed(), this.#graceMs))) {
      const now = this.#states();
      if (areSilent(before, now)) await this.#cut(leftBehind);
      before = now;
    }
    running.delete(this.#process.pid);
    const stderrTail = await tail;
    for (const clean of this.#cleanup) clean();
    const { exitCode, signalCode } = this.#process;
    return {
      exit: exitCode ?? undefined,
      ...(signalCode !== null && { signal: String(signalCode) }),
      timedOut: this.#timedOut,
      cutOff: this.#cutOff,
      stderrTail,
    };
  }

  async #cut(leftBehind: "end" | "leave"): Promise<void> {
    if (leftBehind === "end") {
      this.#cutOff = true;
      await this.terminate();
    }
    this.#closeReaders();
  }

  /** Closes the readers. Returns whether any was open. */
  #closeReaders(): boolean {
    const open = this.#readers.filter((reader) => reader.open);
    for (const reader of open) reader.close();
    return open.length > 0;
  }

  #states(): ReaderState[] {
    return this.#readers.map((reader) => reader.state);
  }

  async #allClosed(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.closed));
  }
}

/** Returns whether every open reader has waited in the same read all the time. */
function areSilent(before: readonly ReaderState[], now: readonly ReaderState[]): boolean {
  const open = now.filter((state) => state !== "closed");
  return open.length > 0 && now.every((state, i) => state === "closed" || (state !== "idle" && state === before[i]));
}

function closeAll(fds: readonly (number | undefined)[]): void {
  for (const fd of fds) if (fd !== undefined) close(fd);
}

/** Returns whether the promise settled within the time. */
async function within(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, milliseconds, false);
  try {
    return await Promise.race([promise.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

const tailCharacters = 2_000;
/** Bytes to keep for the tail: UTF-8 takes up to four a character. */
const tailBytes = tailCharacters * 4;

async function tailOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let tail = Buffer.alloc(0);
  for await (const piece of stream) tail = Buffer.concat([tail, piece]).subarray(-tailBytes);
  return tail.toString("utf8").slice(-tailCharacters);
}
