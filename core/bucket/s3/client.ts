/** The SDK's client, as used for all requests to S3. */
import type * as Sdk from "@aws-sdk/client-s3";
import type { CredentialProvider } from "./credentials.ts";
import { credentialError, type S3Attempt } from "./errors.ts";

export type S3Settings = {
  readonly bucket: string;
  readonly region: string;
  /** For services other than AWS: `https://host[:port]`. */
  readonly endpoint?: string | undefined;
  /** `https://host/bucket/key` rather than `https://bucket.host/key`. */
  readonly pathStyle: boolean;
  /** Undefined: the SDK's default chain. */
  readonly credentials?: CredentialProvider | undefined;
  /** The role that these credentials assume, for messages. */
  readonly role?: string | undefined;
};

/** Milliseconds to connect, and of silence on a connection, before it counts as dead. */
const connectionTimeout = 10_000;
const socketTimeout = 60_000;

/** Loads the SDK, and makes no request. The caller destroys the client. */
export async function openClient(
  settings: S3Settings,
  { maxAttempts }: { readonly maxAttempts: number },
): Promise<{ readonly sdk: typeof Sdk; readonly client: Sdk.S3Client }> {
  const sdk = await import("@aws-sdk/client-s3");
  const { region, endpoint, pathStyle, credentials } = settings;
  const client = new sdk.S3Client({
    region,
    forcePathStyle: pathStyle,
    followRegionRedirects: true,
    maxAttempts,
    // Content is checked against our own digests. Waiting for `100 Continue` would cost a connection for each put.
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    requestHandler: { connectionTimeout, socketTimeout },
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials: worded(credentials, settings) }),
  });
  return { sdk, client };
}

function worded(credentials: CredentialProvider, { bucket, endpoint, role }: S3Settings): CredentialProvider {
  const attempt: S3Attempt = { doing: "get credentials", what: bucket, bucket, endpoint };
  return () => credentials().catch((error: unknown) => Promise.reject(credentialError(error, attempt, role)));
}
