/**
 * The plan: steps that are done one after the other, each shown before it is done. Where one fails, or the user interrupts,
 * those that can be are undone, last first, and the user is told what was undone and what is left.
 */
import { reasonOf } from "../failure.ts";
import type { Notify } from "../notice.ts";
import { asRoot, type Command, runCommand, typed } from "./command.ts";

export type Step = {
  /** As an imperative: `create the IAM user "web1"`. */
  readonly does: string;
  /** Run as root, in this order, after `run`. */
  readonly commands?: readonly Command[];
  readonly run?: () => Promise<void>;
  /** The plan goes on without what the commands would have made; told why they failed. */
  readonly ifFails?: (why: string) => void;
  /** Also called for a step that failed half-way. Without: what it made is harmless, and is left. */
  readonly undo?: Undo;
};

export type Undo = {
  readonly does: string;
  /** What the user is to do where this fails, too; where there is more to it than the commands. */
  readonly byHand?: string;
  readonly commands?: readonly Command[];
  /** Done first. False where there is nothing to undo: then the commands are not run. */
  readonly run?: () => Promise<boolean>;
};

export type StepOptions = {
  readonly isRoot: boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/** What a dry run prints: what is to be done, and below it the commands that root would run. */
export function describe(steps: readonly Step[], isRoot: boolean): string[] {
  return steps.flatMap(({ does, commands = [] }) => [
    does,
    ...commands.map((command) => `  ${typed(asRoot(command, isRoot))}`),
  ]);
}

/** Throws what the failing step threw, or the signal's reason, once the rest is undone. */
export async function perform(steps: readonly Step[], options: StepOptions): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      options.signal.throwIfAborted();
      options.notify({ level: "info", code: "step", message: step.does });
      begun.push(step);
      await step.run?.();
      await runCommands(step, options);
    }
    options.signal.throwIfAborted();
  } catch (error) {
    await undo(begun.toReversed(), options);
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
  const whole = asRoot(command, isRoot);
  notify({ level: "info", code: "as-root", message: `  ${typed(whole)}` });
  await runCommand(whole);
}

async function undo(begun: readonly Step[], options: StepOptions): Promise<void> {
  const left: string[] = [];
  for (const step of begun) {
    if (step.undo !== undefined) await undone(step.undo, options);
    else left.unshift(step.does);
  }
  if (left.length === 0) return;
  const message = `left as it is, for the next try: ${left.join("; ")}`;
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
