/** The failure that a test of a bucket expects. */
import { BucketError } from "../../../core/bucket/contract.ts";

/** The error that a call ends with. Throws if it ends with another one, or succeeds. */
export async function failureOf(run: Promise<unknown> | undefined): Promise<BucketError> {
  const error = await run?.then(
    (value: unknown) => value,
    (reason: unknown) => reason,
  );
  if (error instanceof BucketError) return error;
  throw new Error(`expected a BucketError, got ${error instanceof Error ? error : JSON.stringify(error)}`);
}
