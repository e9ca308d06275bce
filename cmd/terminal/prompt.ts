/** Questions to whoever sits at the terminal, also where standard input and output are redirected. */

import { open } from "node:fs/promises";
import { Failure } from "../../core/failure.ts";
import { childEnvironment } from "../../core/system/environment.ts";
import { which } from "../../core/system/programs.ts";
import { printable } from "./printable.ts";

export type TerminalDevice = {
  write(text: string): Promise<void>;
  /** Without its newline; undefined at the end of input. */
  readLine(): Promise<string | undefined>;
  /** Whether what is typed shows. */
  echo(shown: boolean): Promise<void>;
  close(): Promise<void>;
};

/** Asks a question that is answered by yes or no; the empty answer and the end of input are no. */
export type Ask = (question: string) => Promise<boolean>;

/** `openDevice` gives undefined where there is no terminal: then asking is a Failure. An abort ends the question. */
export function createAsk(openDevice: () => Promise<TerminalDevice | undefined>, signal: AbortSignal): Ask {
  return async (question) => {
    const device = await openDevice();
    if (!device) {
      throw new NoTerminal(question);
    }
    const answer = await unlessAborted(answerOf(device, printable(question)), signal);
    await device.close();
    return answer;
  };
}

export class NoTerminal extends Failure {
  constructor(question: string) {
    super({
      doing: "ask",
      what: question,
      why: "there is no terminal",
      remedy: "run it on a terminal, or answer beforehand by an option (see --help)",
    });
  }
}

export type LineQuestion = {
  /** Lines that stand above the question, such as what there is to choose from. */
  readonly above?: readonly string[];
  readonly question: string;
  /** For what nobody should read over a shoulder. */
  readonly hidden?: boolean;
};

/** Asks for a line, without spaces around it; undefined at the end of input. */
export type AskLine = (asked: LineQuestion) => Promise<string | undefined>;

/** As `createAsk`; where there is no terminal, the Failure is a `NoTerminal`. */
export function createAskLine(openDevice: () => Promise<TerminalDevice | undefined>, signal: AbortSignal): AskLine {
  return async ({ above = [], question, hidden = false }) => {
    const device = await openDevice();
    if (!device) throw new NoTerminal(question);
    // Before the question: some are quick to answer.
    if (hidden) await device.echo(false);
    try {
      await device.write([...above, `${question} `].map(printable).join("\n"));
      const line = await unlessAborted(device.readLine(), signal);
      return line?.trim();
    } finally {
      if (hidden) {
        await device.echo(true);
        await device.write("\n");
      }
      // With a read left behind, closing would wait for it.
      if (!signal.aborted) await device.close();
    }
  };
}

async function answerOf(device: TerminalDevice, question: string): Promise<boolean> {
  for (;;) {
    await device.write(`${question} [y/N] `);
    const answer = (await device.readLine())?.trim().toLowerCase();
    if (answer === "y" || answer === "yes") return true;
    if (answer === undefined || answer === "" || answer === "n" || answer === "no") return false;
    await device.write("Please answer yes or no.\n");
  }
}

/** A read from a terminal cannot be called back: it is left behind, for the process ends anyway. */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The terminal that the process belongs to; undefined where it has none, as under systemd or cron. */
export async function openTerminal(): Promise<TerminalDevice | undefined> {
  const file = await open("/dev/tty", "r+").catch(() => undefined);
  if (!file) return undefined;
  // The terminal gives one line a read, as long as it is shorter than this.
  const buffer = Buffer.alloc(4096);
  return {
    write: async (text) => void (await file.write(text)),
    async readLine() {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      return bytesRead === 0 ? undefined : buffer.toString("utf8", 0, bytesRead).replace(/\n$/, "");
    },
    // Without stty, typing shows: better than not to be able to answer.
    echo: async (shown) => {
      const stty = which("stty");
      if (stty === undefined) return;
      const command = [stty, "-F", "/dev/tty", shown ? "echo" : "-echo"];
      await Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"], env: childEnvironment() }).exited;
    },
    close: () => file.close(),
  };
}
