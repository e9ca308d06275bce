/**
 * The one shape of an error that a user reads: what was being done, to what, why it failed, what to do next.
 *
 * Every error that we foresee is a `Failure`; any other that reaches `cmd/main.ts` is a defect and is printed as one.
 */

/** Exit statuses, chosen here and nowhere else; `docs/exit-status.md` lists them for users. */
export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  incomplete: 3,
  damaged: 4,
  interrupted: 130,
} as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];

export type FailureParts = {
  /** The action, as a verb phrase: `read the configuration`. Printed after "cannot". */
  readonly doing: string;
  /** The object of the action: a path, a key, a URL. Quoted when printed. */
  readonly what?: string;
  /** The cause in plain words, no final period. */
  readonly why: string;
  /** The next step for the user, as an imperative, no final period. */
  readonly remedy?: string;
  readonly exit?: ExitStatus;
  readonly cause?: unknown;
};

/** Prints as `cannot <doing> "<what>": <why>; <remedy>`. */
export class Failure extends Error {
  readonly exit: ExitStatus;

  constructor(readonly parts: FailureParts) {
    super(worded(parts), { cause: parts.cause });
    this.name = new.target.name;
    this.exit = parts.exit ?? exitStatus.failed;
  }
}

/** What seals objects does not work: the next object would meet it, too. */
export class SealingFailure extends Failure {}

function worded({ doing, what, why, remedy }: FailureParts): string {
  const subject = what === undefined ? "" : ` ${JSON.stringify(what)}`;
  return `cannot ${doing}${subject}: ${why}${remedy === undefined ? "" : `; ${remedy}`}`;
}

/** The form of Node's message for a system error: `EACCES: permission denied, open '/etc/shadow'`. */
const systemRefusal = /^E[A-Z0-9]+: (.+?), [a-z]+(?: '.*)?$/s;

/** Returns the plain reason of anything thrown, without class names, codes or stack, for the `why` of a Failure. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return systemRefusal.exec(error.message)?.[1] ?? error.message;
}

/** Returns the code of a system error, such as `ENOENT`, whether it is Node's or ours; undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
