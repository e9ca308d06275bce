/** The SDK's client, as used for all requests to S3. */
import type * as Sdk from "@aws-sdk/client-s3";
import type { RequestBounds } from "./bounds.ts";
import type { CredentialProvider } from "./credentials.ts";
import { credentialError, type S3Attempt } from "./errors.ts";
import { refuseForeign } from "./foreign.ts";
import { watchRegion } from "./middleware.ts";

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
  /** Ends every request with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The usual one if absent. */
  readonly bounds?: RequestBounds;
};

/** Loads the SDK, and makes no request. The caller destroys the client. */
export async function openClient(
  settings: S3Settings,
  { maxAttempts }: { readonly maxAttempts: number },
): Promise<{ readonly sdk: typeof Sdk; readonly client: Sdk.S3Client }> {
  const [sdk, { GuardedHandler }] = await Promise.all([import("@aws-sdk/client-s3"), import("./handler.ts")]);
  const { endpoint, pathStyle, credentials, signal, bounds } = settings;
  let { region } = settings;
  const client = new sdk.S3Client({
    region: async () => region,
    forcePathStyle: pathStyle,
    followRegionRedirects: true,
    maxAttempts,
    // Content is checked against our own digests. Waiting for `100 Continue` would cost a connection for each put.
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    requestHandler: new GuardedHandler({ signal, isContent, ...(bounds !== undefined && { bounds }) }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials: worded(credentials, settings) }),
  });
  // The SDK repeats what was redirected, and only that: without this, every request would be sent to both regions.
  watchRegion(client, (found) => {
    region = found;
  });
  refuseForeign(client);
  return { sdk, client };
}

/** As the SDK marks the requests for content. */
const isContent = ({ query }: { readonly query?: Readonly<Record<string, unknown>> }) =>
  query?.["x-id"] === "GetObject";

function worded(credentials: CredentialProvider, { bucket, endpoint, role }: S3Settings): CredentialProvider {
  const attempt: S3Attempt = { doing: "get credentials", what: bucket, bucket, endpoint };
  return () => credentials().catch((error: unknown) => Promise.reject(credentialError(error, attempt, role)));
}
