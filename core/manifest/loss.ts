/** Which errors cost one thing of a backup, so that the rest goes on, and which end the job. */
import { BucketError, type BucketErrorKind } from "../bucket/contract.ts";
import { FormatError } from "../format/error.ts";

/** `damage`: the bucket does not hold what it should. */
export type Loss = {
  readonly why: string;
  /** As `why`, for where the object is named already. */
  readonly how: string;
  readonly remedy: string;
  readonly damage: boolean;
};

/** With these, nothing else of the bucket will be readable either. */
const endingKinds: readonly BucketErrorKind[] = ["unreachable", "no-bucket", "credentials"];

export function endsJob({ kind }: BucketError): boolean {
  return endingKinds.includes(kind);
}

/** That the object `key` does not hold what it should; `how` follows its name. */
export function damaged(key: string, how: string): Loss {
  const remedy = "restore it from another backup: `sysbackup list` shows them";
  return { ...worded(key, how), remedy, damage: true };
}

function worded(key: string, how: string) {
  return { why: `the stored object ${JSON.stringify(key)} ${how}`, how: `it ${how}` };
}

/** What is lost when reading the object `key` fails as it did. Errors that end the job are thrown on. */
export function lossOf(error: unknown, key: string): Loss {
  if (error instanceof FormatError && error.kind === "altered") return damaged(key, `is damaged: ${error.message}`);
  if (!(error instanceof BucketError) || endsJob(error)) throw error;
  const { why, remedy = "fix that and run again" } = error.parts;
  if (error.kind === "missing") return damaged(key, "is missing from the bucket");
  if (error.kind === "damaged") return damaged(key, `is damaged: ${why}`);
  return { ...worded(key, `cannot be read: ${why}`), remedy, damage: false };
}
