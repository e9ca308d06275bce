/**
 * Performs a plan: steps that are done one after the other, each shown before it is done. If one fails, or the user interrupts,
 * those that can be are undone, last first, and a notice says what was undone and what is left.
 */
import { reasonOf } from "../failure.ts";
import type { Notify } from "../notice.ts";
import { asRoot, type Command, runCommand, typed } from "./command.ts";

export type Step = {
  /** Imperative phrase: `create the IAM user "web1"`. */
  readonly does: string;
  /** Commands to run as root, in this order, after `run`. */
  readonly commands?: readonly Command[];
  readonly run?: () => Promise<void>;
  /** Called with the reason if the commands fail: the plan then goes on without what they would have made. */
  readonly ifFails?: (why: string) => void;
  /** Undoes the step, also if it failed half-way. Without it, what the step made is harmless, and is left. */
  readonly undo?: Undo;
};

export type Undo = {
  readonly does: string;
  /** What the user must do if the undo also fails, if that is more than the commands. */
  readonly byHand?: string;
  readonly commands?: readonly Command[];
  /** Done first. Returns false if there is nothing to undo: then the commands are not run. */
  readonly run?: () => Promise<boolean>;
};

export type StepOptions = {
  readonly isRoot: boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/** Lines of a dry run: each step, and below it the commands that would run as root. */
export function describe(steps: readonly Step[], isRoot: boolean): string[] {
  return steps.flatMap(({ does, commands = [] }) => [
    does,
    ...commands.map((command) => `  ${typed(asRoot(command, isRoot))}`),
  ]);
}

/** Performs the steps. If one fails, undoes the rest, and then throws that error or the signal's reason. */
export async function perform(steps: readonly Step[], options: StepOptions): Promise<void> {
  const started: Step[] = [];
  try {
    for (const step of steps) {
      options.signal.throwIfAborted();
      options.notify({ level: "info", code: "step", message: step.does });
      started.push(step);
      await step.run?.();
      await runCommands(step, options);
    }
    options.signal.throwIfAborted();
  } catch (error) {
    await undo(started.toReversed(), options);
    throw error;
  }
}

async function runCommands({ commands = [], ifFails }: Step, options: StepOptions): Promise<void> {
  try {
    for (const command of commands) await privileged(command, options);
  } catch (error) {
    if (ifFails === undefined || options.signal.aborted) throw error;
    ifFails(reasonOf(error));
  }
}

async function privileged(command: Command, { isRoot, notify }: StepOptions): Promise<void> {
  const rootCommand = asRoot(command, isRoot);
  notify({ level: "info", code: "as-root", message: `  ${typed(rootCommand)}` });
  await runCommand(rootCommand);
}

async function undo(started: readonly Step[], options: StepOptions): Promise<void> {
  const left: string[] = [];
  for (const step of started) {
    if (step.undo !== undefined) await undone(step.undo, options);
    else left.unshift(step.does);
  }
  if (left.length === 0) return;
  const message = `left as it is, for the next attempt: ${left.join("; ")}`;
  options.notify({ level: "warning", code: "left", message });
}

async function undone({ does, byHand, commands = [], run }: Undo, options: StepOptions): Promise<void> {
  try {
    if ((await run?.()) === false) return;
    for (const command of commands) await privileged(command, options);
    options.notify({ level: "warning", code: "undone", message: `undone: ${does}` });
  } catch (error) {
    const remedy = byHand ?? commands.map((command) => typed(asRoot(command, options.isRoot))).join("; ");
    const message = `not undone: ${does}: ${reasonOf(error)}; do it by hand: ${remedy}`;
    options.notify({ level: "error", code: "not-undone", message });
  }
}
