/**
 * `bun run test [FILTER…]`: everything there is to test, on any Debian 12 machine.
 *
 * Installs what is missing and starts the services, beside `bun run check` (counted as one test), runs `bun test` in parallel
 * processes, prints what failed once more, and ends with the line `N passed, N failed, N skipped`. Exit status 1 when something failed, or, with CI=true, when
 * something was skipped; 130 when stopped by a signal. Filters are those of `bun test`: parts of file names.
 * `bun run test --update-timings` measures again how long each file takes, by which the slowest start first.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { exitStatus } from "../core/failure.ts";
import packageJson from "../package.json" with { type: "json" };
import { buildProgram, programVariable } from "./support/compiled.ts";
import { enterTestEnvironment } from "./support/environment.ts";
import { ErrorsOutside, failureLines } from "./support/failures.ts";
import { type InstallOptions, install } from "./support/install.ts";
import { type Failure, failedTests, skippedTests } from "./support/junit.ts";
import { closingLine, type Outcome, outcomeOf, sum } from "./support/outcome.ts";
import { toEnvironment } from "./support/services/address.ts";
import { startServices } from "./support/services/all.ts";
import { untilSignal } from "./support/signal.ts";
import { openWorkspace } from "./support/workspace.ts";

const root = join(import.meta.dir, "..");
const interrupted = untilSignal();
const tell = (message: string) => console.error(`test: ${message}`);

type Environment = Readonly<Record<string, string | undefined>>;

async function main(filters: readonly string[]): Promise<number> {
  const machine = { ...process.env };
  enterTestEnvironment();
  await using workspace = await openWorkspace();
  const [{ installed, services }, checked, program] = await Promise.all([
    prepare(workspace.path, { machine, tell, signal: interrupted }),
    check(),
    compile(join(workspace.path, "sysbackup")),
  ]);
  try {
    interrupted.throwIfAborted();
    // Appended, so that it brings its own programs but not its python3.
    const path = [process.env.PATH, installed.pythonTools, installed.legacyProgram].filter(Boolean).join(delimiter);
    const env = {
      ...compilesLate,
      PATH: path,
      TMPDIR: workspace.path,
      [programVariable]: program,
      ...toEnvironment(services.addresses),
    };
    const tested = await runTests(filters, join(workspace.path, "junit.xml"), env);
    for (const line of failureLines([...checked.failures, ...tested.failures])) console.log(line);
    return conclude(sum([checked, tested]));
  } finally {
    await services.stop();
  }
}

async function prepare(folder: string, options: InstallOptions) {
  const installed = await install(options);
  const { tell, signal } = options;
  const services = await startServices({ folder, pythonTools: installed.pythonTools, tell, signal });
  return { installed, services };
}

/** JavaScript's compilers take a quarter of a short run of the program, of which there are two thousand. */
const compilesLate = {
  BUN_JSC_thresholdForJITAfterWarmUp: "10000",
  BUN_JSC_thresholdForOptimizeAfterWarmUp: "5000",
} as const;

/** The program as users have it, which also starts twice as fast; undefined if it cannot be built, as then some test says. */
async function compile(file: string): Promise<string | undefined> {
  return buildProgram(packageJson.scripts.build, file).then(
    () => file,
    () => undefined,
  );
}

type Result = Outcome & { readonly failures: readonly Failure[] };

async function check(): Promise<Result> {
  const child = Bun.spawn([process.execPath, "run", "check"], {
    cwd: root,
    env: process.env,
    stdio: ["ignore", "pipe", "pipe"],
    signal: interrupted,
  });
  const ends = await Promise.all([shown(child.stdout), shown(child.stderr)]);
  const good = (await child.exited) === 0;
  const failures = good ? [] : [{ name: "bun run check", message: ends.join("\n") }];
  return { passed: good ? 1 : 0, failed: good ? 0 : 1, skipped: 0, failures };
}

/** Also what `bunfig.toml` keeps out of a plain `bun test`. */
const everything = ["--path-ignore-patterns=none of ours"];
/**
 * Two for each core, as half of the tests' time is spent waiting, and one more, as the slowest files start first and wait for most of their
 * time; but no more than memory and one gateway can bear.
 */
const workers = Math.min(2 * availableParallelism() + 1, 8);
/** Not isolated: a file that loads every module again takes half a second more. No test may leave anything behind for the next file. */
const processes = [`--parallel=${workers}`, "--no-isolate", "--timings=test/timings.json"];

async function runTests(filters: readonly string[], junit: string, env: Environment): Promise<Result> {
  const reporting = ["--reporter=junit", `--reporter-outfile=${junit}`];
  const child = Bun.spawn([process.execPath, "test", ...everything, ...processes, ...reporting, ...filters], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "pipe"],
    signal: interrupted,
  });
  const outside = new ErrorsOutside();
  const output = await shown(child.stderr, (text) => outside.push(text));
  const status = await child.exited;
  interrupted.throwIfAborted();
  const outcome = trusted(outcomeOf(output), status);
  // It is not there if `bun test` ended early.
  const cases = await readFile(junit, "utf8").catch(() => "");
  for (const name of skippedTests(cases)) console.log(`skipped: ${name}`);
  return { ...outcome, failures: [...outside.found, ...failedTests(cases)] };
}

/** Passes a stream on to stderr as it comes, and returns its end. */
async function shown(stream: ReadableStream<Uint8Array>, hear: (text: string) => void = () => {}): Promise<string> {
  const decoder = new TextDecoder();
  let end = "";
  for await (const bytes of stream) {
    process.stderr.write(bytes);
    const text = decoder.decode(bytes, { stream: true });
    hear(text);
    end = (end + text).slice(-16_384);
  }
  return end;
}

/** A run that failed has at least one failure, also when its counts are unknown or say otherwise. */
function trusted(outcome: Outcome | undefined, status: number): Outcome {
  if (outcome === undefined) tell(`bun test ended early, with status ${status}: its tests are not counted`);
  const counted = outcome ?? { passed: 0, failed: 1, skipped: 0 };
  return status !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
}

function conclude(outcome: Outcome): number {
  const complete = process.env.CI !== "true" || outcome.skipped === 0;
  if (!complete) tell("with CI=true a skipped test is a failure");
  console.log(closingLine(outcome));
  return outcome.failed === 0 && complete ? exitStatus.done : exitStatus.failed;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (error !== interrupted.reason) throw error;
  return exitStatus.interrupted;
});
