/** Asks the user at the terminal, even if standard input and output are redirected. */

import { open } from "node:fs/promises";
import { untilAborted } from "../../core/abortable.ts";
import { Failure } from "../../core/failure.ts";
import { childEnvironment } from "../../core/system/processes/environment.ts";
import { which } from "../../core/system/processes/programs.ts";
import { printable } from "./printable.ts";

export type TerminalDevice = {
  write(text: string): Promise<void>;
  /** Reads a line, without its newline; undefined at the end of input. */
  readLine(): Promise<string | undefined>;
  /** Shows or hides what is typed. */
  echo(shown: boolean): Promise<void>;
  close(): Promise<void>;
};

/** Asks a question that is answered by yes or no; the empty answer and the end of input are no. */
export type Ask = (question: string) => Promise<boolean>;

/** Returns an `Ask`. `openDevice` returns undefined if there is no terminal: asking then throws a `NoTerminal`. An abort ends the question. */
export function createAsk(openDevice: () => Promise<TerminalDevice | undefined>, signal: AbortSignal): Ask {
  return async (question) => {
    const device = await openDevice();
    if (!device) {
      throw new NoTerminal(question);
    }
    const answer = await untilAborted(signal, answerOf(device, printable(question)));
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
      remedy: "run it on a terminal, or answer by an option (see --help)",
    });
  }
}

/** Asks. If there is no terminal, throws the Failure that `unasked` makes of that: what cannot be done, and the option to give instead. */
export function askOr(ask: Ask, question: string, unasked: (cause: NoTerminal) => Failure): Promise<boolean> {
  return ask(question).catch((error: unknown) => {
    throw error instanceof NoTerminal ? unasked(error) : error;
  });
}

export type LineQuestion = {
  /** Lines above the question, such as the choices. */
  readonly above?: readonly string[];
  readonly question: string;
  /** Whether what is typed stays hidden. */
  readonly hidden?: boolean;
};

/** Asks for a line, without spaces around it; undefined at the end of input. */
export type AskLine = (asked: LineQuestion) => Promise<string | undefined>;

/** Returns an `AskLine`; otherwise as `createAsk`. */
export function createAskLine(openDevice: () => Promise<TerminalDevice | undefined>, signal: AbortSignal): AskLine {
  return async ({ above = [], question, hidden = false }) => {
    const device = await openDevice();
    if (!device) throw new NoTerminal(question);
    // Done before the question, as some users answer at once.
    if (hidden) await device.echo(false);
    try {
      await device.write([...above, `${question} `].map(printable).join("\n"));
      // Left behind, as a read from a terminal cannot be cancelled, and the process ends anyway.
      const line = await untilAborted(signal, device.readLine());
      return line?.trim();
    } finally {
      if (hidden) {
        await device.echo(true);
        await device.write("\n");
      }
      // Left open after an abort: closing would wait for the pending read.
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

/** Opens the terminal of the process; undefined if it has none, as under systemd or cron. */
export async function openTerminal(): Promise<TerminalDevice | undefined> {
  const file = await open("/dev/tty", "r+").catch(() => undefined);
  if (!file) return undefined;
  // A read of the terminal returns one line, if it is shorter than this.
  const buffer = Buffer.alloc(4096);
  return {
    write: async (text) => void (await file.write(text)),
    async readLine() {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      return bytesRead === 0 ? undefined : buffer.toString("utf8", 0, bytesRead).replace(/\n$/, "");
    },
    // Without stty, what is typed shows, which is better than no way to answer.
    echo: async (shown) => {
      const stty = which("stty");
      if (stty === undefined) return;
      const command = [stty, "-F", "/dev/tty", shown ? "echo" : "-echo"];
      await Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"], env: childEnvironment() }).exited;
    },
    close: () => file.close(),
  };
}
