/** Reason in the target for which one entry, and no other, cannot be restored. */

export type ObstacleParts = {
  /** Code of the notice, such as `in-the-way`. */
  readonly code: string;
  readonly why: string;
  /** Advice to the user, as an imperative. */
  readonly remedy: string;
};

export class Obstacle extends Error {
  override readonly name = "Obstacle";

  constructor(
    readonly parts: ObstacleParts,
    cause?: unknown,
  ) {
    super(parts.why, { cause });
  }
}
