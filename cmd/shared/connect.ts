/** Connects to the configured bucket, and counts requests for the closing summary. */
import { setTimeout } from "node:timers/promises";
import { untilAborted } from "../../core/abortable.ts";
import {
  bucketCredentials,
  type CredentialSettings,
  credentialProvider,
  machineCredentials,
  sessionNameOf,
} from "../../core/aws/credentials.ts";
import { connectCloudFormation, findBucket, stackRegion } from "../../core/aws/exports.ts";
import type { AskCode } from "../../core/aws/mfa.ts";
import { defaultPackage, type RoleName } from "../../core/aws/package.ts";
import { type AssumedRole, assumePackageRole } from "../../core/aws/package-role.ts";
import { Tables } from "../../core/aws/tables.ts";
import { accountId, mfaSerial, packageName } from "../../core/aws/values.ts";
import type { Bucket } from "../../core/bucket/contract.ts";
import { type Counts, noCounts } from "../../core/bucket/decorators/count.ts";
import { openBucket } from "../../core/bucket/open.ts";
import { type Config, loadConfig, option } from "../../core/config/config.ts";
import { Failure } from "../../core/failure.ts";
import type { CommandIO } from "../io.ts";
import { NoTerminal } from "../terminal/prompt.ts";
import type { Access, PackageWords } from "./access.ts";

/** `tables`: with the same credentials. Close them after use. */
export type Connection = { readonly bucket: Bucket; readonly counts: Counts; readonly tables: Tables };

/** A connection, and the configuration that led to it. */
export type AccessConnection = Connection & { readonly config: Config };

/**
 * Connects for a subcommand that works from anywhere. If options name a package, its `role` is assumed with the caller's own
 * credentials, not with those of `conf`, which are the machine's. The caller closes the bucket.
 */
export async function connectAs(role: RoleName, access: Access, io: CommandIO): Promise<AccessConnection> {
  const { confDir, name, bucket, region, export: exported, packageRole } = access;
  const sources = { confDir, hostName: io.hostName, name, bucket, region, export: exported, confOptional: true };
  const config = await loadConfig(sources);
  const assumed = packageRole && (await assume(role, packageRole, config, io));
  return { config, ...(await connect(config, io, assumed)) };
}

/** Connects in the role `assumed`, or with the credentials of `config`. Adds requests to `counts`. The caller closes the bucket. */
export async function connect(
  config: Config,
  io: CommandIO,
  assumed?: AssumedRole,
  counts: Counts = noCounts(),
): Promise<Connection> {
  const { now, notify, signal } = io;
  for (const notice of config.legacy ?? []) notify(notice);
  const credentials = credentialsOf(config, assumed, now);
  const { endpoint, pathStyle } = config.s3;
  const finding = findBucket(config, async () => {
    const place = { region: stackRegion(config) ?? anyRegion };
    return connectCloudFormation(config, await credentialProvider(credentials, place));
  });
  const name = await untilAborted(signal, finding);
  // A stack's bucket is in the stack's region.
  const region = config.s3.region ?? (config.s3.bucket === undefined ? config.cloudformation.region : undefined);
  const { profile } = credentials;
  const place = { bucket: name, region, endpoint, pathStyle };
  const settings = { ...place, load: config.s3, profile, credentials: bucketCredentials(credentials) };
  const tools = { now, sleep: sleepUntil(signal), random: Math.random, notify, counts, signal };
  const bucket = await untilAborted(signal, openBucket(settings, tools));
  const tables = new Tables(config, credentials, { sleep: sleepUntil(signal), random: Math.random, signal });
  return { bucket, counts, tables };
}

/** Region for STS and CloudFormation if nothing names one. */
const anyRegion = "us-east-1";

function credentialsOf(config: Config, assumed: AssumedRole | undefined, now: () => Date): CredentialSettings {
  if (assumed === undefined) return machineCredentials(config, now);
  return { roleArn: assumed.arn, provider: assumed.credentials, sessionName: sessionNameOf(config), now };
}

async function assume(role: RoleName, words: PackageWords, config: Config, io: CommandIO): Promise<AssumedRole> {
  const wanted = {
    package: option("--package-name", packageName, words.package) ?? defaultPackage,
    account: option("--account", accountId, words.account),
    mfa: words.mfa && { device: option("--mfa-device", mfaSerial, words.mfa.device) },
    role,
    sessionName: sessionNameOf(config),
  };
  const place = { region: stackRegion(config) ?? anyRegion, endpoint: config.s3.endpoint };
  return untilAborted(io.signal, assumePackageRole(wanted, place, { now: io.now, askCode: codeAsker(io) }));
}

/** Asks for codes on the terminal only, as options and variables show in process lists. */
function codeAsker({ askLine, progress }: CommandIO): AskCode {
  return async (device, trouble) => {
    progress.end();
    const above = trouble === undefined ? [] : [trouble];
    const asked = { above, question: `Code of the MFA device ${device}:`, hidden: true };
    const code = await askLine(asked).catch((error: unknown) => {
      if (!(error instanceof NoTerminal)) throw error;
      throw new Failure({ ...error.parts, remedy: "run it on a terminal: no option takes a code" });
    });
    if (code) return code;
    throw new Failure({ doing: "sign in with a code of the MFA device", what: device, why: "none was given" });
  };
}

/** Waits, but only until an abort, so that Ctrl-C does not wait for the next attempt. */
function sleepUntil(signal: AbortSignal) {
  return async (milliseconds: number): Promise<void> => {
    await setTimeout(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
  };
}
