/** Finds the device of one-time codes, and gets a session for a code. */
import { BucketError } from "../bucket/contract.ts";
import type { CredentialProvider, ServicePlace } from "../bucket/s3/credentials.ts";
import { credentialError } from "../bucket/s3/errors.ts";
import { Failure, reasonOf } from "../failure.ts";
import { requestHandler } from "./handler.ts";
import { connectSts, credentialsOf, isAboutKeys, signIn } from "./sts.ts";

/** Asks for the code that `device` shows now; `trouble` says what was wrong with the previous one. Throws if there is nobody to ask. */
export type AskCode = (device: string, trouble: string | undefined) => Promise<string>;

/** `isGuess`: nobody said that it is the user's. */
export type MfaDevice = { readonly serial: string; readonly isGuess: boolean };

/** The longest session of STS: 36 hours. */
const sessionSeconds = 129_600;
const maxCodes = 3;

/** The caller, as STS names users and sessions: `arn:aws:iam::123456789012:user/path/name`. */
export type Caller = { readonly partition: string; readonly account: string; readonly arn: string };

/** Asks for a code on each call, and again if the code is mistyped or was used before. */
export function mfaSession(
  device: MfaDevice,
  place: ServicePlace,
  own: CredentialProvider,
  askCode: AskCode,
): CredentialProvider {
  return async () => {
    let trouble: string | undefined;
    for (let attempt = 1; ; attempt++) {
      const code = await askCode(device.serial, trouble).catch((error: unknown) => {
        throw error instanceof Failure ? new BucketError("credentials", error.parts) : error;
      });
      try {
        return await sessionFor(device.serial, code.replace(/\s/g, ""), place, own);
      } catch (error) {
        if (attempt === maxCodes || !isWrongCode(error)) throw refusal(error, device, place);
        trouble =
          error instanceof NotACode ? error.message : "the code is wrong, or was used before: wait for the next";
      }
    }
  };
}

class NotACode extends Error {
  override readonly message = "a code has six digits";
}

async function sessionFor(device: string, code: string, place: ServicePlace, own: CredentialProvider) {
  if (!/^\d{6}$/.test(code)) throw new NotACode();
  const { GetSessionTokenCommand } = await import("@aws-sdk/client-sts");
  const client = await connectSts(place, own);
  try {
    const wanted = { SerialNumber: device, TokenCode: code, DurationSeconds: sessionSeconds };
    return credentialsOf(await client.send(new GetSessionTokenCommand(wanted)));
  } finally {
    client.destroy();
  }
}

function isWrongCode(error: unknown): boolean {
  return (
    error instanceof NotACode || /invalid MFA one time pass code|one time pass ?code.*invalid/i.test(reasonOf(error))
  );
}

const otherDevice =
  "give its ARN or serial number with --mfa-device, as the IAM console shows it under your security credentials";

const guessed =
  "this user has no such device; that it has the user's name was a guess, as the user may not list its devices (iam:ListMFADevices)";

function refusal(error: unknown, { serial: device, isGuess }: MfaDevice, place: ServicePlace): BucketError {
  const attempt = {
    doing: "sign in with a code of the MFA device",
    what: device,
    bucket: device,
    endpoint: place.endpoint,
  };
  const worded = credentialError(error, attempt, undefined);
  if (worded.kind !== "credentials") return worded;
  const reason = reasonOf(error);
  const parts = { ...worded.parts, doing: attempt.doing, what: device };
  if (isWrongCode(error)) {
    const remedy =
      "run again with the next code; if codes are never right, check the clock of the device, or --mfa-device";
    return new BucketError("credentials", { ...parts, why: "the code is wrong, or was used before", remedy });
  }
  if (/MFA serial|validate MFA code|serialNumber/i.test(reason))
    return new BucketError("credentials", {
      ...parts,
      why: isGuess ? guessed : "this user has no such device",
      remedy: otherDevice,
    });
  if (/session credentials/i.test(reason)) {
    const remedy = "use the access key of an IAM user; or leave out --mfa, if the session was started with a code";
    return new BucketError("credentials", {
      ...parts,
      why: "these are keys of a session, and only users have codes",
      remedy,
    });
  }
  const remedy = isAboutKeys(error) ? signIn : otherDevice;
  return new BucketError("credentials", { ...parts, remedy });
}

/**
 * Finds the caller's own device. Asks IAM if the caller may (iam:ListMFADevices); if not, guesses that the device has the name
 * of the user. IAM lets people choose it.
 */
export async function ownDevice(
  { arn, partition, account }: Caller,
  place: ServicePlace,
  own: CredentialProvider,
): Promise<MfaDevice> {
  const user = /:user\/(?:.*\/)?([^/]+)$/.exec(arn)?.[1];
  if (user === undefined) throw noDevice(arn, "these are not the keys of an IAM user, and only users have devices");
  const devices = await devicesOf(user, place, own).catch((error: unknown) => {
    if (!isRefusal(error)) throw worded(error, arn, place);
    return undefined;
  });
  if (devices === undefined) return { serial: `arn:${partition}:iam::${account}:mfa/${user}`, isGuess: true };
  const [device, ...others] = devices;
  if (device === undefined) throw noDevice(arn, "this user has none that shows codes");
  if (others.length > 0) throw noDevice(arn, `this user has several: ${devices.join(", ")}`);
  return { serial: device, isGuess: false };
}

/** Returns whether a server answered, even if it is no IAM: services other than Amazon's have STS, and no users to ask for. */
function isRefusal(error: unknown): boolean {
  return typeof error === "object" && error !== null && "$metadata" in error && !isAboutKeys(error);
}

function worded(error: unknown, caller: string, { endpoint }: ServicePlace): BucketError {
  const attempt = { doing: "find the MFA device of", what: caller, bucket: caller, endpoint };
  const { kind, parts } = credentialError(error, attempt, undefined);
  return new BucketError(kind, { ...parts, what: caller });
}

/** Lists the user's devices, without security keys (`u2f/`), which show no codes. */
async function devicesOf(
  user: string,
  { region, endpoint }: ServicePlace,
  credentials: CredentialProvider,
): Promise<string[]> {
  const { IAMClient, ListMFADevicesCommand } = await import("@aws-sdk/client-iam");
  const handler = await requestHandler();
  const where = { region, ...(endpoint !== undefined && { endpoint }) };
  const client = new IAMClient({ ...where, credentials, requestHandler: handler });
  try {
    const { MFADevices = [] } = await client.send(new ListMFADevicesCommand({ UserName: user }));
    return MFADevices.flatMap(({ SerialNumber = "" }) => (/:u2f\/|^$/.test(SerialNumber) ? [] : [SerialNumber]));
  } finally {
    client.destroy();
  }
}

function noDevice(caller: string, why: string): BucketError {
  return new BucketError("credentials", { doing: "find the MFA device of", what: caller, why, remedy: otherDevice });
}
