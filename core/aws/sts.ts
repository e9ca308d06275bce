/** Connects to STS, and checks its answers and errors. */
import type { STSClient } from "@aws-sdk/client-sts";
import type { CredentialProvider, Credentials, ServicePlace } from "../bucket/s3/credentials.ts";
import { requestHandler } from "./handler.ts";

/** The caller destroys the client. */
export async function connectSts(
  { region, endpoint }: ServicePlace,
  credentials: CredentialProvider,
): Promise<STSClient> {
  const { STSClient } = await import("@aws-sdk/client-sts");
  return new STSClient({
    region,
    requestHandler: await requestHandler(),
    ...(endpoint !== undefined && { endpoint }),
    credentials,
  });
}

type StsAnswer = {
  readonly Credentials?:
    | {
        readonly AccessKeyId: string | undefined;
        readonly SecretAccessKey: string | undefined;
        readonly SessionToken: string | undefined;
        readonly Expiration: Date | undefined;
      }
    | undefined;
};

export function credentialsOf({ Credentials: given }: StsAnswer): Credentials {
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "", Expiration } = given ?? {};
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    ...(Expiration !== undefined && { expiration: Expiration }),
  };
}

const keyTroubles =
  /^(CredentialsProviderError|Expired\w*|InvalidClientTokenId|InvalidAccessKeyId|UnrecognizedClient\w*|SignatureDoesNotMatch|InvalidToken)$/;

/** Returns whether the error is about the keys, not about rights: there are none, or they are unknown or out of date. */
export function isAboutKeys(error: unknown): boolean {
  return error instanceof Error && keyTroubles.test(error.name);
}

export const signIn =
  "sign in with `aws configure` or `aws sso login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
