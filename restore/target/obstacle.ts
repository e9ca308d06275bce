/** Reason in the target for which one entry, and no other, cannot be restored. */
import type { SystemError } from "../../core/system/libc.ts";

export type ObstacleParts = {
  /** Code of the notice, such as `in-the-way`. */
  readonly code: string;
  readonly why: string;
  /** Advice to the user, as an imperative. */
  readonly remedy: string;
};

export class Obstacle extends Error {
  override readonly name: string = "Obstacle";

  constructor(
    readonly parts: ObstacleParts,
    cause?: unknown,
  ) {
    super(parts.why, { cause });
  }
}

export class PseudoFilesystem extends Obstacle {
  constructor() {
    const why = "a filesystem is mounted there whose files the kernel makes, as in /proc";
    super({ code: "in-the-way", why, remedy: "restore it into another folder: --target" });
  }
}

export function replaced(): Obstacle {
  return new Obstacle({
    code: "replaced-meanwhile",
    why: "somebody put another folder in its place while it was restored",
    remedy: "see that nobody writes there, and run again: what is restored already is left alone",
  });
}

export function immovable(error: SystemError): Obstacle {
  return new Obstacle(
    {
      code: "in-the-way",
      why: `a folder of another owner is in its place, and cannot be moved aside (${error.reason})`,
      remedy: "move that folder away, or give it the owner that the backup has, and run again",
    },
    error,
  );
}
