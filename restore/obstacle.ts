/** Something in the target that keeps one entry from being restored, and no other. */

export type ObstacleParts = {
  /** Of the notice: `in-the-way`. */
  readonly code: string;
  readonly why: string;
  /** What the user can do, as an imperative. */
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
