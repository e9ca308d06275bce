/** Gets AWS credentials from a profile, a file or the SDK's default chain, and assumes a role with them. AWS code is loaded lazily. */
import { existsSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { BucketError } from "../bucket/contract.ts";
import type { BucketCredentials, CredentialProvider, Credentials, ServicePlace } from "../bucket/s3/credentials.ts";
import type { Config } from "../config/config.ts";
import { reasonOf } from "../failure.ts";
import { requestHandler } from "./handler.ts";
import { deniedInName, type InName, inName, isDenied, type SessionTags } from "./in-name.ts";
import { isBackupRole } from "./package.ts";

export type CredentialSettings = {
  readonly profile?: string | undefined;
  /** INI file with the keys, instead of `~/.aws/credentials`. */
  readonly credentialsFile?: string | undefined;
  readonly roleArn?: string | undefined;
  /** Backup name in which a package's backup role is assumed. */
  readonly name?: string | undefined;
  /** Name of the session in the server's logs: 2 to 64 characters of `A-Za-z0-9_=,.@-`. Others are replaced. */
  readonly sessionName: string;
  /** Credentials that several clients share (see `package-role.ts`). If given, profile and file are not read. */
  readonly provider?: CredentialProvider | undefined;
};

/**
 * The credentials file that systemd has decrypted for this service alone; it takes precedence over the one in `conf`.
 * `directory` is `$CREDENTIALS_DIRECTORY`. Undefined if that is not set or has no `aws_credentials`.
 * @internal
 */
export function serviceCredentials(directory: string | undefined): string | undefined {
  if (directory === undefined) return undefined;
  const file = join(directory, "aws_credentials");
  return existsSync(file) ? file : undefined;
}

/** The machine's credentials file; undefined if the SDK searches by itself. */
export function credentialsFileOf({ aws }: Pick<Config, "aws">): string | undefined {
  return serviceCredentials(process.env.CREDENTIALS_DIRECTORY) ?? aws.credentialsFile;
}

/** The machine's credentials, as configured. */
export function machineCredentials(config: Pick<Config, "aws" | "backup">): CredentialSettings {
  const { profile, roleArn } = config.aws;
  const { name } = config.backup;
  return { profile, credentialsFile: credentialsFileOf(config), roleArn, name, sessionName: sessionNameOf(config) };
}

/** Names the sessions of this backup in the server's logs. */
export function sessionNameOf({ backup }: Pick<Config, "backup">): string {
  return `sysbackup-${backup.name}`;
}

/** Credentials for a bucket, which are requested on its first use. */
export function bucketCredentials(settings: CredentialSettings): BucketCredentials {
  return { provide: (place) => credentialProvider(settings, place), role: settings.roleArn };
}

/** Undefined if the SDK's default chain (environment, shared files, instance role) is used as it is. */
export async function credentialProvider(
  settings: CredentialSettings,
  place: ServicePlace,
): Promise<CredentialProvider | undefined> {
  if (settings.provider !== undefined) return settings.provider;
  if (settings.roleArn === undefined) return ownCredentials(settings, place);
  return async () => (await assumed(settings, place)).answer;
}

/** Whether the role takes this machine's name as a tag. Rejects if it cannot be assumed at all. */
export async function takesName(settings: CredentialSettings, place: ServicePlace): Promise<boolean> {
  return (await assumed(settings, place)).named;
}

/** Credentials without a role. Undefined for the SDK's default chain. */
async function ownCredentials(
  settings: CredentialSettings,
  place: ServicePlace,
): Promise<CredentialProvider | undefined> {
  const { profile, credentialsFile } = settings;
  if (profile === undefined && credentialsFile === undefined) return undefined;
  const { fromIni } = await import("@aws-sdk/credential-providers");
  const clientConfig = await clientConfigOf(place);
  const named = { ...(profile !== undefined && { profile }), ...(credentialsFile && { filepath: credentialsFile }) };
  return explained(fromIni({ clientConfig, ...named }), settings);
}

/** Assumes the role, once. */
async function assumed(settings: CredentialSettings, place: ServicePlace): Promise<InName<Credentials>> {
  const { roleArn = "", name, sessionName: session } = settings;
  const { fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
  const clientConfig = await clientConfigOf(place);
  const base = await ownCredentials(settings, place);
  const master = base === undefined ? {} : { masterCredentials: base };
  const params = { RoleArn: roleArn, RoleSessionName: sessionName(session) };
  const assume = (tags: SessionTags) =>
    fromTemporaryCredentials({ params: { ...params, ...tags }, clientConfig, ...master })();
  return inName(roleArn, name, assume).catch((error: unknown) => {
    throw name !== undefined && isBackupRole(roleArn) && isDenied(error) ? deniedInName(roleArn, name, error) : error;
  });
}

async function clientConfigOf({ region, endpoint }: ServicePlace) {
  return { region, requestHandler: await requestHandler(), ...(endpoint !== undefined && { endpoint }) };
}

/** Names the file in errors: the SDK treats an unreadable file as an empty one, and names neither. */
function explained(provider: CredentialProvider, { profile, credentialsFile }: CredentialSettings): CredentialProvider {
  return async () => {
    if (credentialsFile !== undefined) await mustBeReadable(credentialsFile);
    try {
      return await provider();
    } catch (error) {
      if (!/^Could not resolve credentials using profile/.test(reasonOf(error))) throw error;
      const file = JSON.stringify(credentialsFile ?? process.env.AWS_SHARED_CREDENTIALS_FILE ?? "~/.aws/credentials");
      throw new BucketError("credentials", {
        doing: "get credentials from the profile",
        what: profile ?? process.env.AWS_PROFILE ?? "default",
        why: `${file} has no keys for it`,
        remedy: "write them there, or check profile and credentials_file under [aws]",
        cause: error,
      });
    }
  };
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

/** A session name that servers accept: STS takes 64 characters of a small alphabet, and Ceph at least two. */
export function sessionName(name: string): string {
  return name
    .replace(/[^\w=,.@-]/g, "-")
    .slice(0, 64)
    .padEnd(2, "-");
}
