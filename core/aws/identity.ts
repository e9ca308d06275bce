/** Asks STS whose credentials these are. AWS code is loaded lazily. */

import type { CredentialProvider, ServicePlace } from "../bucket/s3/credentials.ts";
import { credentialError, type S3Attempt } from "../bucket/s3/errors.ts";
import { connectSts, isAboutKeys } from "./sts.ts";

/** ARN of the user, role session or account that makes the requests. Holds no secret. */
export type CallerArn = string;

/**
 * Gets credentials, those of `role` if it is given, and asks STS who that is. Undefined if the server has no such request,
 * like Ceph: then there are credentials, but nobody has checked them. Errors are `BucketError`s.
 */
export async function callerIdentity(
  credentials: CredentialProvider,
  place: ServicePlace,
  role?: string,
): Promise<CallerArn | undefined> {
  const { GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const { region, endpoint } = place;
  const what = endpoint ?? `sts.${region}`;
  const attempt: S3Attempt = { doing: "get credentials", what, bucket: what, endpoint };
  const worded = (error: unknown) => Promise.reject(credentialError(error, attempt, role));
  const found = await credentials().catch(worded);
  const client = await connectSts(place, async () => found);
  try {
    return (await client.send(new GetCallerIdentityCommand({}))).Arn;
  } catch (error) {
    return hasNoSuchRequest(error) && endpoint !== undefined ? undefined : await worded(error);
  } finally {
    client.destroy();
  }
}

/**
 * Returns whether the server does not know the request, or refuses it to all: S3 services other than Amazon's answer with one of these
 * statuses. A refusal of the keys is none of these.
 */
function hasNoSuchRequest(error: unknown): boolean {
  if (isAboutKeys(error)) return false;
  const metadata = typeof error === "object" && error !== null && "$metadata" in error ? error.$metadata : undefined;
  const status = typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata;
  return status && [400, 403, 404, 405, 501, 503].includes(Number(metadata.httpStatusCode));
}
