/** A second read of what seems to be damaged: bytes can change on the way, or in the memory of a machine between. */
import { BucketError } from "../bucket/contract.ts";
import { FormatError } from "../format/error.ts";

/** Returns whether another read may give other bytes. An object that is missing, or of a newer format, stays so. */
export function mayReadBetter(error: unknown): boolean {
  if (error instanceof FormatError) return error.kind === "altered";
  return error instanceof BucketError && error.kind === "damaged";
}

/** Runs a read that checks what it gets. Runs it once more if that is damaged. */
export async function readTwice<Result>(read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!mayReadBetter(error)) throw error;
    return read();
  }
}
