/**
 * The role of a package, taken on by a person: with that person's own credentials, and a one-time code where one is given.
 *
 * With a code, the role is not assumed directly. STS gives a session for it first (GetSessionToken, which no policy can deny), and with that
 * the role is assumed, again and again as each hour ends. So one code is enough for 36 hours of restoring, whatever the
 * longest session of the role, and it is spent at once: no client keeps it.
 */
import { BucketError } from "../bucket/contract.ts";
import type { CredentialProvider, Credentials, ServicePlace } from "../bucket/s3/credentials.ts";
import { credentialError } from "../bucket/s3/errors.ts";
import { sessionName } from "./credentials.ts";
import { callerIdentity } from "./identity.ts";
import { kept } from "./kept.ts";
import { type AskCode, type Caller, mfaSession, ownDevice } from "./mfa.ts";
import { type RoleName, roleArn } from "./package.ts";
import { connectSts, credentialsOf, isAboutKeys, signIn } from "./sts.ts";

export type PackageRole = {
  readonly package: string;
  readonly role: RoleName;
  /** Twelve digits, or empty where the service has no accounts; undefined: the caller's own. */
  readonly account: string | undefined;
  /** Serial number or ARN of the device, undefined for the caller's own; `mfa` itself undefined: no code is asked for. */
  readonly mfa: { readonly device: string | undefined } | undefined;
  readonly sessionName: string;
};

export type PersonTools = { readonly now: () => Date; readonly askCode: AskCode };

export type AssumedRole = {
  readonly arn: string;
  /** For all clients: it is asked once. */
  readonly credentials: CredentialProvider;
};

/**
 * Has assumed the role when it returns, so that every refusal shows here: a `BucketError` of the kind `credentials`. Who calls is
 * asked of STS only where that is needed, since not every service can tell.
 */
export async function assumePackageRole(
  wanted: PackageRole,
  place: ServicePlace,
  { now, askCode }: PersonTools,
): Promise<AssumedRole> {
  const { account, mfa } = wanted;
  const ownOne = mfa !== undefined && mfa.device === undefined;
  const caller = account === undefined || ownOne ? await callerOf(place) : undefined;
  const partition = caller?.partition ?? partitionOf(place.region);
  const arn = roleArn({ partition, account: account ?? caller?.account ?? "", package: wanted.package }, wanted.role);
  const device = ownOne && caller !== undefined ? await ownDevice(caller, place) : mfa?.device;
  const session = device === undefined ? undefined : kept(mfaSession(device, place, askCode), now);
  const credentials = kept(() => assume(arn, wanted, place, session), now);
  await credentials();
  return { arn, credentials };
}

async function callerOf(place: ServicePlace): Promise<Caller> {
  const arn = await callerIdentity({ sessionName: "" }, place).catch((error: unknown) => {
    if (!(error instanceof BucketError) || error.kind !== "credentials") throw error;
    throw new BucketError("credentials", { ...error.parts, doing: "tell whose credentials these are", remedy: signIn });
  });
  const [, partition = "", , , account = ""] = arn?.split(":") ?? [];
  if (arn !== undefined) return { partition, account, arn };
  throw new BucketError("credentials", {
    doing: "tell the account of the role",
    why: "this service does not say whose credentials these are",
    remedy: "give --account (--account= where there are none), and --mfa-device in place of --mfa",
  });
}

/** China and GovCloud are worlds of their own. */
function partitionOf(region: string): string {
  return /^cn-/.test(region) ? "aws-cn" : /^us-gov-/.test(region) ? "aws-us-gov" : "aws";
}

async function assume(
  arn: string,
  wanted: PackageRole,
  place: ServicePlace,
  session: CredentialProvider | undefined,
): Promise<Credentials> {
  await session?.();
  const { AssumeRoleCommand } = await import("@aws-sdk/client-sts");
  const client = await connectSts(place, session);
  try {
    const command = new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: sessionName(wanted.sessionName) });
    return credentialsOf(await client.send(command));
  } catch (error) {
    throw refusal(error, arn, wanted, place);
  } finally {
    client.destroy();
  }
}

/** STS answers alike whether the role is not there, may not be assumed, or wants a code: so all three are named. */
function refusal(
  error: unknown,
  arn: string,
  { package: name, role, mfa }: PackageRole,
  place: ServicePlace,
): BucketError {
  const told = credentialError(
    error,
    { doing: "assume the role", what: arn, bucket: arn, endpoint: place.endpoint },
    arn,
  );
  if (told.kind !== "credentials") return told;
  if (isAboutKeys(error)) return new BucketError("credentials", { ...told.parts, remedy: signIn });
  const code = mfa === undefined ? "; if the role wants a one-time code, give --mfa" : "";
  const remedy = `your user needs to be in the group ${name}-${role}-users${code}; check --package-name and --account`;
  return new BucketError("credentials", { ...told.parts, remedy });
}
