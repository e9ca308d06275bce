import { BucketError, type BucketWriter, type Retention, type Stored } from "./contract.ts";

/** Extends a lock. Returns false if it is refused as `locked`: another machine has locked the object for longer. */
export async function extendUnlessLonger(
  bucket: Pick<BucketWriter, "extend">,
  { key, version }: Pick<Stored, "key" | "version">,
  retention: Retention,
): Promise<boolean> {
  try {
    await bucket.extend(key, version, retention);
    return true;
  } catch (error) {
    if (error instanceof BucketError && error.kind === "locked") return false;
    throw error;
  }
}
