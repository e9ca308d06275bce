/** Reads whether a bucket has Object Lock and versioning. */
import { BucketError } from "../contract.ts";
import { openClient, type S3Settings } from "./client.ts";
import { s3Error } from "./errors.ts";

export type LockState = {
  /** Whether objects may be put with a retention. */
  readonly objectLock: boolean;
  readonly versioning: boolean;
};

export async function readS3LockState(settings: S3Settings): Promise<LockState> {
  const { bucket, endpoint } = settings;
  const { sdk, client } = await openClient(settings, { maxAttempts: 3 });
  const ask = async <T>(doing: string, right: string, run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      throw allowing(right, s3Error(error, { doing, what: `s3://${bucket}`, bucket, endpoint }));
    }
  };
  try {
    const objectLock = await ask("read the Object Lock of", "s3:GetBucketObjectLockConfiguration", async () => {
      const answer = await client.send(new sdk.GetObjectLockConfigurationCommand({ Bucket: bucket }));
      return answer.ObjectLockConfiguration?.ObjectLockEnabled === "Enabled";
    }).catch(noLock);
    const versioning = await ask("read the versioning of", "s3:GetBucketVersioning", async () => {
      const answer = await client.send(new sdk.GetBucketVersioningCommand({ Bucket: bucket }));
      return answer.Status === "Enabled";
    });
    return { objectLock, versioning };
  } finally {
    client.destroy();
  }
}

/** S3 answers with an error for a bucket without Object Lock. */
function noLock(error: unknown): false {
  if (error instanceof BucketError && error.kind === "no-lock") return false;
  throw error;
}

function allowing(right: string, error: BucketError): BucketError {
  if (error.kind !== "denied") return error;
  return new BucketError("denied", { ...error.parts, remedy: `allow ${right} to the role` });
}
