/**
 * Assumes the role of a package for a person: with that person's own credentials, and a one-time code if one is given.
 *
 * With a code, the role is not assumed directly. First STS gives a session for the code (GetSessionToken, which no policy can
 * deny). With that session the role is assumed, again each hour. So one code is enough for 36 hours of restoring, regardless
 * of the role's longest session, and it is used at once: no client keeps it.
 */
import { BucketError } from "../bucket/contract.ts";
import type { CredentialProvider, Credentials, ServicePlace } from "../bucket/s3/credentials.ts";
import { credentialError } from "../bucket/s3/errors.ts";
import { sessionName } from "./credentials.ts";
import { callerIdentity } from "./identity.ts";
import { kept } from "./kept.ts";
import { type AskCode, type Caller, mfaSession, ownDevice } from "./mfa.ts";
import { ownCredentials } from "./own-credentials.ts";
import { type RoleName, roleArn } from "./package.ts";
import { partitionOf } from "./partition.ts";
import { connectSts, credentialsOf, isAboutKeys, signIn } from "./sts.ts";

export type PackageRole = {
  readonly package: string;
  readonly role: RoleName;
  /** Twelve digits, or empty if the service has no accounts; undefined for the caller's own. */
  readonly account: string | undefined;
  /** Serial number or ARN of the device; undefined for the caller's own. If `mfa` is undefined, no code is asked for. */
  readonly mfa: { readonly device: string | undefined } | undefined;
  readonly sessionName: string;
};

export type PersonTools = { readonly now: () => Date; readonly askCode: AskCode };

export type AssumedRole = {
  readonly arn: string;
  /** Credentials that all clients share, and that are requested once. */
  readonly credentials: CredentialProvider;
};

/**
 * Assumes the role before it returns, so that every refusal shows here: a `BucketError` of the kind `credentials`. Asks STS
 * for the caller only if needed, since not every service can answer.
 */
export async function assumePackageRole(
  wanted: PackageRole,
  place: ServicePlace,
  { now, askCode }: PersonTools,
): Promise<AssumedRole> {
  const { account, mfa } = wanted;
  const ownOne = mfa !== undefined && mfa.device === undefined;
  const own = await ownCredentials({ now }, place);
  const caller = account === undefined || ownOne ? await callerOf(place, own) : undefined;
  const partition = caller?.partition ?? partitionOf(place.region);
  const arn = roleArn({ partition, account: account ?? caller?.account ?? "", package: wanted.package }, wanted.role);
  const given = mfa?.device === undefined ? undefined : { serial: mfa.device, isGuess: false };
  const device = ownOne && caller !== undefined ? await ownDevice(caller, place, own) : given;
  const session = device === undefined ? own : kept(mfaSession(device, place, own, askCode), now);
  const credentials = kept(() => assume(arn, wanted, place, session), now);
  await credentials();
  return { arn, credentials };
}

async function callerOf(place: ServicePlace, own: CredentialProvider): Promise<Caller> {
  const arn = await callerIdentity(own, place).catch((error: unknown) => {
    if (!(error instanceof BucketError) || error.kind !== "credentials") throw error;
    throw new BucketError("credentials", {
      ...error.parts,
      doing: "find out whose credentials these are",
      remedy: signIn,
    });
  });
  const [, partition = "", , , account = ""] = arn?.split(":") ?? [];
  if (arn !== undefined) return { partition, account, arn };
  throw new BucketError("credentials", {
    doing: "find the account of the role",
    why: "this service does not report whose credentials these are",
    remedy: "give --account (--account= if it has no accounts), and --mfa-device instead of --mfa",
  });
}

async function assume(
  arn: string,
  wanted: PackageRole,
  place: ServicePlace,
  session: CredentialProvider,
): Promise<Credentials> {
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

/** Names all three causes, as STS answers the same if the role does not exist, must not be assumed, or needs a code. */
function refusal(
  error: unknown,
  arn: string,
  { package: name, role, mfa }: PackageRole,
  place: ServicePlace,
): BucketError {
  // What was wrong before, with the keys or the code, says so itself.
  if (error instanceof BucketError) return error;
  const worded = credentialError(
    error,
    { doing: "assume the role", what: arn, bucket: arn, endpoint: place.endpoint },
    arn,
  );
  if (worded.kind !== "credentials") return worded;
  if (isAboutKeys(error)) return new BucketError("credentials", { ...worded.parts, remedy: signIn });
  const code = mfa === undefined ? "; if the role needs a one-time code, give --mfa" : "";
  const remedy = `add your user to the group ${name}-${role}-users${code}; check --package-name and --account`;
  return new BucketError("credentials", { ...worded.parts, remedy });
}
