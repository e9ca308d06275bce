/** Reads whether a bucket has Object Lock and versioning. */
import { BucketError, type LockState } from "../contract.ts";
import type { S3Requests } from "./requests.ts";

export async function readLockState(requests: S3Requests): Promise<LockState> {
  const { sdk, client, settings } = requests;
  const place = { Bucket: settings.bucket };
  const objectLock = await requests
    .run("read the Object Lock of", "", async (how) => {
      const answer = await client.send(new sdk.GetObjectLockConfigurationCommand(place), how);
      return answer.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
    })
    .catch(noLock);
  const versioning = await requests.run("read the versioning of", "", async (how) => {
    const answer = await client.send(new sdk.GetBucketVersioningCommand(place), how);
    return answer.Status === "Enabled";
  });
  return { objectLock, versioning, keptBy: "server" };
}

/** S3 answers with an error for a bucket without Object Lock. */
function noLock(error: unknown): false {
  if (error instanceof BucketError && error.kind === "no-lock") return false;
  throw error;
}
