/**
 * Provides what the checks look at. Each fact is found once, when first asked for. If that fails, every check that asks gets
 * the same error, so that only the first one reports it.
 */

import { credentialProvider, credentialsFileOf, machineCredentials, takesName } from "../aws/credentials.ts";
import { type CallerArn, callerIdentity } from "../aws/identity.ts";
import { ownCredentials } from "../aws/own-credentials.ts";
import { roleNames, unitNames } from "../aws/package.ts";
import type { Tables } from "../aws/tables.ts";
import type { Bucket, LockState } from "../bucket/contract.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { prefixes } from "../format/keys/keys.ts";
import { once } from "../once.ts";
import type { Table } from "../table/contract.ts";
import { CannotLook } from "./finding.ts";
import { findRunner, type Runner } from "./runner.ts";
import { statOf } from "./stat-of.ts";
import { readUnit, type Unit } from "./systemd.ts";

export type MachineDeps = {
  readonly confDir: string;
  readonly hostName: string;
  /** Given on the command line; not yet checked, like `bucket`. */
  readonly name: string | undefined;
  readonly bucket: string | undefined;
  /** Base name of the units; by default that which write-config makes for the role. */
  readonly unit: string | undefined;
  /** Opens the configured bucket, and tables, without a request to them. `close` of this module closes them. */
  readonly connect: (config: Config) => Promise<{ readonly bucket: Bucket; readonly tables: Tables }>;
  readonly now: () => Date;
};

/** The bucket's answer to a request that every role may make. */
type BucketAnswer = {
  /** Undefined if the request succeeded. */
  readonly error: unknown;
  /** The server's clock and this machine's at that moment; undefined if nothing answered. */
  readonly clocks: { readonly server: Date; readonly host: Date } | undefined;
};

export type Machine = {
  readonly confDir: string;
  readonly now: () => Date;
  readonly config: () => Promise<Config>;
  /** Base name of the units to look at. */
  readonly unitName: () => Promise<string>;
  /** Undefined if systemd does not run, or does not know it. */
  readonly service: () => Promise<Unit | undefined>;
  /** The user who runs the archive. */
  readonly runner: () => Promise<Runner>;
  /** The caller of the configured credentials; undefined if the server does not report it. Not for folders. */
  readonly caller: () => Promise<CallerArn | undefined>;
  /** The caller in the configured role. Call only if there is one. */
  readonly assumed: () => Promise<CallerArn | undefined>;
  /** Whether the session in the role bears this machine's name. Call only if there is a role. */
  readonly named: () => Promise<boolean>;
  readonly opened: () => Promise<Bucket>;
  readonly openTable: (name: string) => Promise<Table>;
  readonly answer: () => Promise<BucketAnswer>;
  /** The opened bucket, once it has answered. Rejects with the error of credentials or role if those failed. */
  readonly bucket: () => Promise<Bucket>;
  readonly lock: () => Promise<LockState>;
  readonly close: () => Promise<void>;
};

export function createMachine({ confDir, hostName, name, bucket, unit, connect, now }: MachineDeps): Machine {
  let open: Awaited<ReturnType<MachineDeps["connect"]>> | undefined;
  const config = once(() => loadConfig({ confDir, hostName, name, bucket }));
  const unitName = once(async () => unit ?? (await config().then(unitFor, () => unitNames.backup)));
  const service = once(async () => readUnit(`${await unitName()}.service`));
  const runner = once(async () => findRunner(await service()));
  const caller = once(async () => {
    await mustBeReadable(await config(), await unitName());
    const [settings, place] = [machineCredentials(await config(), now), placeOf(await config())];
    return callerIdentity(await ownCredentials(settings, place), place);
  });
  const assumed = once(async () => {
    await caller();
    const [settings, place] = [machineCredentials(await config(), now), placeOf(await config())];
    return callerIdentity(await credentialProvider(settings, place), place, settings.roleArn);
  });
  const named = once(async () => takesName(machineCredentials(await config(), now), placeOf(await config())));
  const connected = once(async () => {
    open = await connect(await config());
    return open;
  });
  const opened = async () => (await connected()).bucket;
  const openTable = async (table: string) => (await connected()).tables.open(table);
  const answer = once(async () => ask(await opened(), now));
  const reached = once(async () => {
    const settings = await config();
    if (!isFolder(settings)) await (settings.aws.roleArn === undefined ? caller() : assumed());
    const { error } = await answer();
    if (error !== undefined) throw error;
    return opened();
  });
  const lock = once(async () => (await reached()).lockState());
  const close = async () => {
    open?.tables.close();
    await open?.bucket.close();
  };
  return {
    confDir,
    now,
    config,
    unitName,
    service,
    runner,
    caller,
    assumed,
    named,
    opened,
    openTable,
    answer,
    bucket: reached,
    lock,
    close,
  };
}

export function isFolder({ s3 }: Config): boolean {
  return s3.bucket?.startsWith("file:") === true;
}

/** The task of this machine, by the role's name as the template gives it. Other roles back up. */
export function taskOf({ aws }: Config): (typeof roleNames)[number] {
  return roleNames.find((role) => aws.roleArn?.endsWith(`-${role}`)) ?? "backup";
}

function unitFor(config: Config): string {
  const task = taskOf(config);
  return unitNames[task === "restore" ? "backup" : task];
}

/** Throws if the keys are encrypted for the service alone, for which systemd decrypts them. */
async function mustBeReadable(config: Config, unit: string): Promise<void> {
  const file = credentialsFileOf(config);
  if (file === undefined || (await statOf(file)) !== undefined) return;
  const encrypted = `/etc/credstore.encrypted/${unit}.aws_credentials`;
  if ((await statOf(encrypted)) === undefined) return;
  throw new CannotLook({
    doing: "read the credentials",
    what: encrypted,
    why: `they are encrypted for ${unit}.service`,
    remedy: `run: systemd-run --pipe --wait -p LoadCredentialEncrypted=aws_credentials:${encrypted} sysbackup doctor`,
  });
}

const anyRegion = "us-east-1";

function placeOf({ s3 }: Config) {
  const { region = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? anyRegion, endpoint } = s3;
  return { region, endpoint };
}

/** Asks for one page of the index, which every role may list and an archive lists first. */
async function ask(bucket: Bucket, now: () => Date): Promise<BucketAnswer> {
  let error: unknown;
  try {
    for await (const _ of bucket.list(prefixes.index)) break;
  } catch (reason) {
    error = reason;
  }
  const host = now();
  const server = bucket.serverTime();
  return { error, clocks: server && { server, host } };
}
