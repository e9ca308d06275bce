/** Which errors cost one thing of a backup, so that the rest goes on, and which end the job. */
import { BucketError, type BucketErrorKind } from "../core/bucket/contract.ts";
import { FormatError } from "../core/format/error.ts";

/** `damage`: the bucket does not hold what it should. */
export type Loss = { readonly why: string; readonly damage: boolean };

/** The remedy for what the bucket has lost. */
export const anotherBackup = "restore it from another backup: `sysbackup list` shows them";

/** With these, nothing else of the bucket will be readable either. */
const endingKinds: readonly BucketErrorKind[] = ["unreachable", "no-bucket", "credentials"];

export function endsJob({ kind }: BucketError): boolean {
  return endingKinds.includes(kind);
}

/** What is lost when reading the object `key` fails as it did. Errors that end the job are thrown on. */
export function lossOf(error: unknown, key: string): Loss {
  const object = JSON.stringify(key);
  if (error instanceof FormatError && error.kind === "altered") {
    return { why: `the stored object ${object} is damaged: ${error.message}`, damage: true };
  }
  if (!(error instanceof BucketError) || endsJob(error)) throw error;
  switch (error.kind) {
    case "missing":
      return { why: `the stored object ${object} is missing from the bucket`, damage: true };
    case "damaged":
      return { why: `the stored object ${object} is damaged: ${error.parts.why}`, damage: true };
    default:
      return { why: `the stored object ${object} cannot be read: ${error.parts.why}`, damage: false };
  }
}
