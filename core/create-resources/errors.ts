/** Words errors of CloudFormation, and of the network to it. */
import { Failure, reasonOf } from "../failure.ts";

/** The action that failed, and where. */
export type CloudFormationAttempt = { readonly doing: string; readonly what?: string; readonly region: string };

type CloudFormationWording = { readonly why: string; readonly remedy?: string };

const keys = "set the keys of an administrator: AWS_PROFILE, AWS_ACCESS_KEY_ID, or `aws configure`";
const expired: CloudFormationWording = { why: "the credentials have expired", remedy: "get new ones" };
const throttled: CloudFormationWording = { why: "AWS accepts no more requests now", remedy: "try again in a minute" };

const byCode: Readonly<Record<string, CloudFormationWording>> = {
  CredentialsProviderError: { why: "no credentials are found", remedy: keys },
  SignatureDoesNotMatch: { why: "the secret key is wrong", remedy: keys },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  Throttling: throttled,
  ThrottlingException: throttled,
  RequestLimitExceeded: throttled,
  RequestExpired: { why: "this machine's clock is wrong", remedy: "set it (timedatectl)" },
};

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  ETIMEDOUT: "it does not answer",
  EAI_AGAIN: "the name server does not answer",
};

/** Turns an error into a Failure; a Failure passes unchanged. */
export function cloudFormationError(error: unknown, { doing, what, region }: CloudFormationAttempt): Failure {
  if (error instanceof Failure) return error;
  return new Failure({ doing, ...(what !== undefined && { what }), ...wording(error, region), cause: error });
}

function wording(error: unknown, region: string): CloudFormationWording {
  const why = reasonOf(error);
  const name = text(error, "name");
  const code = text(error, "code");
  const place = `CloudFormation in the region ${JSON.stringify(region)}`;
  if (/^Region is missing/.test(why)) return { why: "no region is set", remedy: "give --cf-region, or set AWS_REGION" };
  if (/^AccessDenied/.test(name)) return denied(why);
  if (name === "InvalidClientTokenId" || name === "UnrecognizedClientException")
    return {
      why: `the access key is unknown in the region ${JSON.stringify(region)}`,
      remedy: `check it and --cf-region: some regions must be enabled for an account first; ${keys}`,
    };
  if (code === "ENOTFOUND") return { why: `there is no ${place}, or no network`, remedy: "check --cf-region" };
  if (code in unreachable) return { why: `cannot reach ${place}: ${unreachable[code]}`, remedy: "check the network" };
  return byCode[name] ?? { why: why.replace(/\.$/, "") };
}

/** Words a refusal: AWS names the action and the user who was denied it. */
function denied(message: string): CloudFormationWording {
  const [, user, action] = /User: (\S+) is not authorized to perform: (\S+)/.exec(message) ?? [];
  if (user === undefined || action === undefined) return { why: message.replace(/\.$/, ""), remedy: keys };
  return {
    why: `${user} is not allowed ${action}`,
    remedy: "allow it, or use an administrator's credentials (AWS_PROFILE)",
  };
}

function text(error: unknown, key: "name" | "code"): string {
  if (typeof error !== "object" || error === null) return "";
  const value: unknown = Reflect.get(error, key);
  return typeof value === "string" ? value : "";
}
