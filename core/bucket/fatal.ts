/** Which errors concern one object, so that a job goes on with the next, and which end the job. */
import { BucketError, type BucketErrorKind } from "./contract.ts";

const passing = ["unreachable", "failing", "busy"] as const satisfies BucketErrorKind[];
/** Nothing else in the bucket can be read or written either. */
const fatalKinds: readonly BucketErrorKind[] = [...passing, "no-bucket", "credentials"];

/** Returns whether trying again can help. */
export function mayPass(kind: BucketErrorKind): kind is (typeof passing)[number] {
  return passing.some((one) => one === kind);
}

export function isFatal({ kind }: BucketError): boolean {
  return fatalKinds.includes(kind);
}

/** Returns whether a right is missing. */
export function isDenied(error: unknown): error is BucketError {
  return error instanceof BucketError && error.kind === "denied";
}

/** Returns an error that concerns one object; throws any other. */
export function throwIfFatal(error: unknown): BucketError {
  if (!(error instanceof BucketError) || isFatal(error)) throw error;
  return error;
}

/**
 * Returns whether the error is about this object alone, and not about rights: it is damaged or gone, or stored so that it cannot be read
 * (a key of encryption, an archive tier), which anybody can do who may put.
 */
export function isOfOne(error: unknown): boolean {
  return error instanceof BucketError && !isFatal(error) && !isDenied(error);
}
