/**
 * Gets credentials without a role: of a profile, a file, or the SDK's own search (environment, shared files, instance). Files are
 * read again when they change, so that keys may be rotated during a run. AWS code is loaded lazily.
 */
import { access, constants, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { BucketError } from "../bucket/contract.ts";
import type { CredentialProvider, ServicePlace } from "../bucket/s3/credentials.ts";
import { reasonOf } from "../failure.ts";
import { requestHandler } from "./handler.ts";
import { shared } from "./kept.ts";

export type OwnSettings = {
  readonly now: () => Date;
  readonly profile?: string | undefined;
  readonly credentialsFile?: string | undefined;
};

const known = new WeakMap<OwnSettings, Promise<CredentialProvider>>();

/** Returns the same provider for the same `settings`: what it gets is shared by all clients. */
export function ownCredentials(settings: OwnSettings, place: ServicePlace): Promise<CredentialProvider> {
  const provider = known.get(settings) ?? newProvider(settings, place);
  known.set(settings, provider);
  return provider;
}

async function newProvider(settings: OwnSettings, place: ServicePlace): Promise<CredentialProvider> {
  const { profile, credentialsFile } = settings;
  const { fromIni, fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  const clientConfig = await clientConfigOf(place);
  const named = { ...(profile !== undefined && { profile }), ...(credentialsFile && { filepath: credentialsFile }) };
  // The SDK keeps files that it has read, and what it found in them.
  const fromFiles = () => fromIni({ clientConfig, ...named, ignoreCache: true })();
  const isNamed = profile !== undefined || credentialsFile !== undefined;
  const search = () => fromNodeProviderChain({ clientConfig, ignoreCache: true })();
  const find = isNamed ? fromFiles : () => search().catch((error: unknown) => hiddenCause(fromFiles, error));
  return rereading(explained(find, settings), filesOf(settings), settings.now);
}

export async function clientConfigOf({ region, endpoint }: ServicePlace) {
  return { region, requestHandler: await requestHandler(), ...(endpoint !== undefined && { endpoint }) };
}

/** The SDK's search goes on after a profile that fails, and at its end says only that it found nothing. */
async function hiddenCause(fromFiles: CredentialProvider, error: unknown): Promise<never> {
  const cause = await fromFiles().then(
    () => error,
    (reason: unknown) => reason,
  );
  throw hasNoKeys(cause) ? error : cause;
}

function hasNoKeys(error: unknown): boolean {
  return /^Could not resolve credentials using profile/.test(reasonOf(error));
}

function filesOf({ credentialsFile }: OwnSettings): string[] {
  const { AWS_SHARED_CREDENTIALS_FILE: credentials, AWS_CONFIG_FILE: config } = process.env;
  return [
    credentialsFile ?? credentials ?? join(homedir(), ".aws/credentials"),
    config ?? join(homedir(), ".aws/config"),
  ];
}

/** A date in the past: clients of the SDK then ask again before each request. */
const askAgain = new Date(0);

/** Keeps what was found until it expires, or one of the files changes. */
function rereading(find: CredentialProvider, files: readonly string[], now: () => Date): CredentialProvider {
  let held: { readonly get: CredentialProvider; readonly seen: string } | undefined;
  return async () => {
    const seen = await fingerprintOf(files);
    if (held?.seen !== seen) held = { get: shared(find, ({ expiration }) => expiration, now), seen };
    const found = await held.get();
    return found.expiration === undefined ? { ...found, expiration: askAgain } : found;
  };
}

async function fingerprintOf(files: readonly string[]): Promise<string> {
  const looks = files.map((file) =>
    stat(file).then(
      ({ ino, size, mtimeMs, ctimeMs }) => `${ino} ${size} ${mtimeMs} ${ctimeMs}`,
      () => "none",
    ),
  );
  return (await Promise.all(looks)).join("; ");
}

/** Names the file or the program in errors: the SDK treats an unreadable file as an empty one, and names neither. */
function explained(find: CredentialProvider, { profile, credentialsFile }: OwnSettings): CredentialProvider {
  return async () => {
    if (credentialsFile !== undefined) await mustBeReadable(credentialsFile);
    try {
      return await find();
    } catch (error) {
      const trouble = troubleOf(error, credentialsFile);
      if (trouble === undefined) throw error;
      const what = profile ?? process.env.AWS_PROFILE ?? "default";
      throw new BucketError("credentials", {
        doing: "get credentials from the profile",
        what,
        ...trouble,
        cause: error,
      });
    }
  };
}

/** Characters of what a program said that are shown: its last ones. */
const shown = 500;

function troubleOf(error: unknown, credentialsFile: string | undefined) {
  const said = reasonOf(error);
  if (hasNoKeys(error)) {
    const file = JSON.stringify(credentialsFile ?? process.env.AWS_SHARED_CREDENTIALS_FILE ?? "~/.aws/credentials");
    const remedy = "write them there, or check profile and credentials_file under [aws]";
    return { why: `${file} has no keys for it`, remedy };
  }
  // As Node words it: the command, and what it wrote to stderr, from the second line on.
  const [, output] = /^Command failed: [^\n]*\n?(.*)$/s.exec(said) ?? [];
  if (output === undefined && !said.includes("credential_process")) return undefined;
  const words = (output ?? said)
    .trim()
    .replace(/\s*\n\s*/g, "; ")
    .slice(-shown);
  const why = `its credential_process failed${words === "" ? "" : `: ${words}`}`;
  return { why, remedy: "run that program by hand to see why" };
}

async function mustBeReadable(file: string): Promise<void> {
  await access(file, constants.R_OK).catch((error: unknown) => {
    throw new BucketError("credentials", {
      doing: "read the credentials file",
      what: file,
      why: reasonOf(error),
      remedy: "create it, or check credentials_file under [aws]",
      cause: error,
    });
  });
}
