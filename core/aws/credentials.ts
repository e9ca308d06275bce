/** Gets AWS credentials from a profile, a file or the SDK's default chain, and assumes a role with them. AWS code is loaded lazily. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { BucketCredentials, CredentialProvider, Credentials, ServicePlace } from "../bucket/s3/credentials.ts";
import type { Config } from "../config/config.ts";
import { deniedInName, type InName, inName, isDenied, type SessionTags } from "./in-name.ts";
import { shared } from "./kept.ts";
import { clientConfigOf, ownCredentials } from "./own-credentials.ts";
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
  /** Credentials that were requested before (see `package-role.ts`). If given, profile and file are not read. */
  readonly provider?: CredentialProvider | undefined;
  readonly now: () => Date;
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

const ofMachines = new WeakMap<object, CredentialSettings>();

/** The machine's credentials, as configured: the same settings for the same `config`, so that all its clients share them. */
export function machineCredentials(config: Pick<Config, "aws" | "backup">, now: () => Date): CredentialSettings {
  const known = ofMachines.get(config);
  if (known !== undefined) return known;
  const { profile, roleArn } = config.aws;
  const { name } = config.backup;
  const [credentialsFile, sessionName] = [credentialsFileOf(config), sessionNameOf(config)];
  const settings = { profile, credentialsFile, roleArn, name, sessionName, now };
  ofMachines.set(config, settings);
  return settings;
}

/** Names the sessions of this backup in the server's logs. */
export function sessionNameOf({ backup }: Pick<Config, "backup">): string {
  return `sysbackup-${backup.name}`;
}

/** Credentials for a bucket, which are requested on its first use. */
export function bucketCredentials(settings: CredentialSettings): BucketCredentials {
  return { provide: (place) => credentialProvider(settings, place), role: settings.roleArn };
}

/** Returns what all clients that are given the same `settings` share: keys are looked up, and a role is assumed, once for all. */
export async function credentialProvider(
  settings: CredentialSettings,
  place: ServicePlace,
): Promise<CredentialProvider> {
  if (settings.provider !== undefined) return settings.provider;
  if (settings.roleArn === undefined) return ownCredentials(settings, place);
  const session = sessionOf(settings, place);
  return async () => (await session()).answer;
}

/** Returns whether the role takes this machine's name as a tag. Rejects if it cannot be assumed at all. */
export async function takesName(settings: CredentialSettings, place: ServicePlace): Promise<boolean> {
  return (await sessionOf(settings, place)()).named;
}

type RoleSession = () => Promise<InName<Credentials>>;

/** By settings, and by the endpoint: sessions of one service are nothing to another one. */
const sessions = new WeakMap<CredentialSettings, Map<string | undefined, RoleSession>>();

/** Keeps the session in the role for all who ask with the same `settings`. */
function sessionOf(settings: CredentialSettings, place: ServicePlace): RoleSession {
  const known = sessions.get(settings) ?? new Map<string | undefined, RoleSession>();
  sessions.set(settings, known);
  const assume = () => assumed(settings, place);
  const session = known.get(place.endpoint) ?? shared(assume, ({ answer }) => answer.expiration, settings.now);
  known.set(place.endpoint, session);
  return session;
}

/** Assumes the role. */
async function assumed(settings: CredentialSettings, place: ServicePlace): Promise<InName<Credentials>> {
  const { roleArn = "", name, sessionName: session } = settings;
  const { fromTemporaryCredentials } = await import("@aws-sdk/credential-providers");
  const clientConfig = await clientConfigOf(place);
  const base = await ownCredentials(settings, place);
  const params = { RoleArn: roleArn, RoleSessionName: sessionName(session) };
  const assume = (tags: SessionTags) =>
    fromTemporaryCredentials({ params: { ...params, ...tags }, clientConfig, masterCredentials: base })();
  return inName(roleArn, name, assume).catch((error: unknown) => {
    throw name !== undefined && isBackupRole(roleArn) && isDenied(error) ? deniedInName(roleArn, name, error) : error;
  });
}

/** A session name that servers accept: STS takes 64 characters of a small alphabet, and Ceph at least two. */
export function sessionName(name: string): string {
  return name
    .replace(/[^\w=,.@-]/g, "-")
    .slice(0, 64)
    .padEnd(2, "-");
}
