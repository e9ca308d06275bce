#!/usr/bin/env -S BUN_RUNTIME_TRANSPILER_CACHE_PATH=0 BUN_JSC_thresholdForFTLOptimizeAfterWarmUp=1000000 bun --config=/dev/null --tsconfig-override=/dev/null --no-env-file --no-install
/** The program: reads the command line, builds what subcommands need from the machine, runs one, and ends. */
import { randomBytes } from "node:crypto";
import { fstatSync, writeSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf, type ExitStatus, exitStatus } from "../core/failure.ts";
import { commandWords } from "../core/system/processes/command-line.ts";
import { soundPath } from "../core/system/processes/programs.ts";
import type { OnSpan } from "../core/trace.ts";
import packageJson from "../package.json" with { type: "json" };
import { parseArguments } from "./arguments.ts";
import { abortOnSignals, OutputClosed } from "./interrupt.ts";
import type { CommandIO } from "./io.ts";
import { outcomeOf } from "./outcome.ts";
import { createOutput, type Output } from "./output.ts";
import { subcommands } from "./subcommands.ts";
import { QuietScreen, spanPrinter } from "./terminal/loudness.ts";
import { createProgress } from "./terminal/progress.ts";
import { createAsk, createAskLine, openTerminal } from "./terminal/prompt.ts";
import { createScreen, noticeText, type Screen } from "./terminal/screen.ts";

/** Writes all of `results`: `writeSync` may write less, and a terminal or pipe made non-blocking by others may be full for a moment. */
function writeAll(descriptor: number, results: string | Uint8Array) {
  let rest = typeof results === "string" ? Buffer.from(results) : results;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN") throw error;
      Bun.sleepSync(5);
    }
  }
}

/** Returns whether stderr is the stream to the journal, whose device and inode systemd names; a redirected one is not. */
function endsInJournal(): boolean {
  const { dev, ino } = fstatSync(2);
  return process.env.JOURNAL_STREAM === `${dev}:${ino}`;
}

function screenOfProcess(): Screen {
  const terminal = process.stderr.isTTY === true && process.env.TERM !== "dumb";
  return createScreen({
    write(text) {
      try {
        writeAll(2, text);
      } catch {
        // Ignored: nobody reads stderr any more.
      }
    },
    redraws: terminal,
    colors: terminal && !process.env.NO_COLOR,
    journal: endsInJournal(),
    width: () => process.stderr.columns || 80,
  });
}

function ioOf(screen: Screen, output: Output, json: boolean, signal: AbortSignal): CommandIO {
  const ask = createAsk(openTerminal, signal);
  return {
    out: output.line,
    outBytes: output.bytes,
    notify: (notice) => screen.line(notice.level, noticeText(notice)),
    progress: createProgress(screen, () => performance.now()),
    ask: screen instanceof QuietScreen ? screen.showingBefore(ask) : ask,
    askLine: createAskLine(openTerminal, signal),
    json,
    now: () => new Date(),
    random: (length) => randomBytes(length),
    hostName: hostname(),
    signal,
  };
}

type Traces = { readonly path: string | undefined; readonly ended: OnSpan | undefined };

/** Writes a trace of `run` if a file for it is named, and prints its spans if they are wanted. */
async function traced<T>({ path, ended }: Traces, screen: Screen, run: () => Promise<T>): Promise<T> {
  const clock = () => performance.now();
  if (path === undefined) {
    if (ended === undefined) return run();
    const { startTrace } = await import("../core/trace.ts");
    return run().finally(startTrace({ clock, write: () => {}, ended }));
  }
  const { traceTo } = await import("../core/system/trace-file.ts");
  const file = traceTo(path, clock, ended);
  try {
    return await run();
  } finally {
    const why = file.end();
    if (why !== undefined) screen.line("warning", `the trace ${JSON.stringify(path)} is not complete: ${why}`);
  }
}

export async function main(words: readonly string[]): Promise<ExitStatus> {
  // Children, ours and those of the AWS SDK, get this one and are searched in it.
  process.env.PATH = soundPath(process.env.PATH);
  // Folders must never be made that their owner cannot enter.
  process.umask(process.umask() & 0o077);
  const controller = new AbortController();
  const { signal } = controller;
  abortOnSignals(controller);
  const screen = screenOfProcess();
  const output = createOutput(
    (results) => writeAll(1, results),
    () => controller.abort(new OutputClosed("nobody reads the output")),
  );
  // Found by hand, as an error in the command line is also reported as JSON.
  const json = words.slice(0, words.includes("--") ? words.indexOf("--") : undefined).includes("--json");

  async function job(): Promise<ExitStatus> {
    const request = parseArguments(words, subcommands);
    switch (request.kind) {
      case "version":
        output.line(`sysbackup ${packageJson.version}`);
        return exitStatus.done;
      case "help":
        request.show();
        return exitStatus.done;
      case "run": {
        const { useCodecPrograms } = await import("../core/system/processes/codec-programs.ts");
        useCodecPrograms(signal);
        const { words, subcommand } = request;
        const io = ioOf(words.given("quiet") ? new QuietScreen(screen) : screen, output, json, signal);
        const traces = { path: words.path("trace"), ended: words.given("verbose") ? spanPrinter(screen) : undefined };
        return traced(traces, screen, () => subcommand.start(words, io));
      }
    }
  }
  const around = { screen, output, json, signal, debug: process.env.SYSBACKUP_DEBUG === "1" };
  // An error that nobody awaits is also a defect: it ends the run like one that was thrown.
  const unawaited = async (error: unknown) => process.exit(await outcomeOf(() => Promise.reject(error), around));
  process.on("uncaughtException", unawaited);
  process.on("unhandledRejection", unawaited);
  return outcomeOf(job, around);
}

if (import.meta.main) process.exit(await main(commandWords(process.argv.slice(2))));
