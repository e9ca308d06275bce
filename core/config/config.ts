/** The configuration as the program uses it: `conf`, what the command line overrides, and the defaults. */
import { join, resolve } from "node:path";
import type { z } from "zod";
import { codeOf, exitStatus, Failure, reasonOf } from "../failure.ts";
import type { CompressionName } from "../format/codecs/codec.ts";
import type { LockMode } from "../format/lock-mode.ts";
import type { Notice } from "../notice.ts";
import { readRegular } from "../system/files/regular-file.ts";
import { privilegedUser } from "../system/trust/privileged.ts";
import { strangerWhoCanChange } from "../system/trust/strangers.ts";
import type { Timetable } from "../timetable.ts";
import { type BundleSection, bundleOf } from "./bundle-section.ts";
import { checked } from "./check.ts";
import { parseConf } from "./dialect.ts";
import { type Encryption, encryptionOf } from "./encryption.ts";
import { isLegacyConf, legacyChoices, legacyConf } from "./legacy.ts";
import { backupName, bucketUrl, text } from "./values.ts";

/** The validated configuration: durations in milliseconds, sizes in bytes. Holds no secret. */
export type Config = {
  readonly aws: {
    readonly profile: string | undefined;
    /** Absolute path. */
    readonly credentialsFile: string | undefined;
    readonly roleArn: string | undefined;
  };
  readonly s3: {
    /** `s3://name` or `file:///path`. If undefined, `findBucket` of `exports.ts` looks it up. */
    readonly bucket: string | undefined;
    readonly endpoint: string | undefined;
    readonly region: string | undefined;
    readonly pathStyle: boolean;
    /** Requests in flight at a time. */
    readonly maxRequests: number;
    /** Empty: no limit. */
    readonly uploadLimit: Timetable;
    readonly downloadLimit: Timetable;
  };
  readonly cloudformation: { readonly region: string | undefined; readonly export: string };
  readonly content: {
    readonly lockTimeout: number;
    readonly daysRetained: number;
    readonly layout: "packs" | "objects";
    readonly compression: CompressionName;
    /** 1 to 19 for zstd, 1 to 9 for gzip, 0 for none. */
    readonly compressionLevel: number;
    readonly packSize: number;
    /** Share of a pack, 0 to 1: a pack of which less is used is repacked instead of extended. */
    readonly repackBelow: number;
    /** Which links on the way of picked paths are followed, and whether to where they end. */
    readonly follow: "all" | "picked" | "none";
    /** Other backup names whose index is believed; `*` stands for all. */
    readonly shareWith: readonly string[];
    /** Whether verified objects are believed. */
    readonly believeVerified: boolean;
    readonly pickerTimeout: number;
    readonly snapshotTimeout: number;
    readonly lockMode: LockMode;
    /** Threads that read files. Undefined: one for each core. With fewer than two, there are none beside the main one. */
    readonly workers: number | undefined;
  };
  readonly backup: {
    readonly name: string;
    /** Absolute path. */
    readonly stateDir: string;
    /** Names of variables that pickers and snapshotters get; `all` stands for all but credentials. */
    readonly passEnvironment: readonly string[];
  };
  readonly index: {
    /** The table of DynamoDB in which machines look up what others have stored, instead of reading their index objects. */
    readonly dynamodbTable: string | undefined;
  };
  /** Where all tables of DynamoDB are; what is undefined is found as for the bucket. */
  readonly dynamodb: { readonly region: string | undefined; readonly endpoint: string | undefined };
  /** Undefined: backups are not sealed. */
  readonly encryption?: Encryption | undefined;
  /** A shell command that opens what `seal_through` of another conf has sealed. */
  readonly openThrough?: string | undefined;
  /** Absolute path of the key that signs the roots of backups. Undefined: they are not signed. */
  readonly signingKeyFile?: string | undefined;
  /** In the order of `conf`. */
  readonly bundles: readonly BundleSection[];
  /** What to say of a `conf` of s3-sysbackup; undefined for one of ours. */
  readonly legacy?: readonly Notice[] | undefined;
};

export type ConfigSources = {
  /** The folder of `conf`. */
  readonly confDir: string;
  /** The backup name if nothing else gives one. */
  readonly hostName: string;
  /** Given on the command line; overrides `conf`, as does `bucket`. */
  readonly name?: string | undefined;
  readonly bucket?: string | undefined;
  /** Where to look the bucket up, instead of `[s3] bucket`. `region` and `export` also override `[cloudformation]`. */
  readonly region?: string | undefined;
  readonly export?: string | undefined;
  /** Whether `conf` may be missing if one of these says where the backups are: true for reading, not for archiving. */
  readonly confOptional?: boolean;
};

/** Throws a Failure (exit 2) that names the file, line and key, or the option, and says what is allowed. */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const file = join(sources.confDir, "conf");
  const overrides = overridesOf(sources);
  const { confOptional = false } = sources;
  const written = await readConf(file);
  const isPlaceGiven = overrides.lookUp || overrides.bucket !== undefined;
  if (written === undefined && !(confOptional && isPlaceGiven)) throw missing(file, confOptional);
  const parsed = parseConf(written ?? "", file);
  const isLegacy = isLegacyConf(parsed);
  const conf = isLegacy ? legacyConf(parsed, file) : parsed;
  const values = checked(conf, file);
  const { aws, content } = values;
  const credentialsFile = aws.credentials_file && resolve(sources.confDir, aws.credentials_file);
  const encryption = encryptionOf(values.encryption);
  await mustBeOurs(file);
  // Who can change the last two seals for himself, or makes all be stored again.
  for (const path of [credentialsFile, encryption?.recipientsFile, encryption?.secretFile])
    if (path !== undefined) await mustBeOurs(path);

  const days = conf.get("content")?.settings.has("days_retained") ? content.days_retained : undefined;
  const given = { profile: aws.profile, credentialsFile, roleArn: aws.role_arn, daysRetained: days };
  const legacy = isLegacy ? legacyChoices(given, process.env) : undefined;
  return {
    aws: {
      profile: legacy === undefined ? aws.profile : legacy.profile,
      credentialsFile,
      roleArn: legacy === undefined ? aws.role_arn : legacy.roleArn,
    },
    ...placesOf(values, overrides),
    content: { ...contentOf(content), daysRetained: legacy?.daysRetained ?? content.days_retained },
    backup: {
      name: overrides.name ?? values.backup.name ?? nameOfHost(sources.hostName),
      stateDir: values.backup.state_dir,
      passEnvironment: values.backup.pass_environment,
    },
    encryption,
    openThrough: values.encryption.open_through,
    signingKeyFile: values.signing.key_file,
    bundles: Object.entries(values.bundle).map(([section, keys]) => bundleOf(section, keys)),
    ...(legacy && { legacy: legacy.notices }),
  };
}

/** `lookUp`: the bucket is the one that a stack exports, whatever `conf` says. */
function overridesOf(sources: ConfigSources) {
  const overrides = {
    name: option("--name", backupName, sources.name),
    bucket: option("--bucket", bucketUrl, sources.bucket),
    region: option("--cf-region", text, sources.region),
    export: option("--export", text, sources.export),
  };
  const lookUp = overrides.region !== undefined || overrides.export !== undefined;
  if (lookUp && overrides.bucket !== undefined) throw twoBuckets();
  return { ...overrides, lookUp };
}

type Values = ReturnType<typeof checked>;

/** Where the bucket and the tables are. */
function placesOf(
  { s3, cloudformation, index, dynamodb }: Values,
  overrides: ReturnType<typeof overridesOf>,
): Pick<Config, "s3" | "cloudformation" | "index" | "dynamodb"> {
  return {
    s3: {
      bucket: overrides.bucket ?? (overrides.lookUp ? undefined : s3.bucket),
      endpoint: s3.endpoint,
      region: s3.region,
      pathStyle: s3.path_style ?? (s3.endpoint !== undefined || endpointInEnvironment()),
      maxRequests: s3.max_requests,
      uploadLimit: s3.upload_limit,
      downloadLimit: s3.download_limit,
    },
    cloudformation: {
      region: overrides.region ?? cloudformation.region,
      export: overrides.export ?? cloudformation.export,
    },
    index: { dynamodbTable: index.dynamodb_table },
    dynamodb: { region: dynamodb.region, endpoint: dynamodb.endpoint },
  };
}

function contentOf(content: Values["content"]): Omit<Config["content"], "daysRetained"> {
  return {
    lockTimeout: content.lock_timeout,
    layout: content.layout,
    compression: content.compression,
    compressionLevel: content.compression_level,
    packSize: content.pack_size,
    repackBelow: content.repack_below,
    follow: content.follow,
    shareWith: content.share_with,
    believeVerified: content.believe_verified,
    pickerTimeout: content.picker_timeout,
    snapshotTimeout: content.snapshot_timeout,
    lockMode: content.lock_mode,
    workers: content.workers,
  };
}

/** Bytes of a configuration with hundreds of sections. */
const mostBytes = 4 * 1024 * 1024;

async function readConf(file: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readRegular(file, mostBytes));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    const [why, remedy] =
      error instanceof TypeError
        ? ["it is not UTF-8 text", "write it again: docs/configuration.md has an example"]
        : [reasonOf(error), "check --conf-dir, and the file's owner and mode"];
    throw new Failure({
      doing: "read the configuration",
      what: file,
      why,
      remedy,
      exit: exitStatus.usage,
      cause: error,
    });
  }
}

/**
 * Refuses a file that others can change, for a user with rights that they lack: it says where backups go and what credentials are
 * taken, and a credentials file can name a command that the AWS SDK runs (`credential_process`).
 */
async function mustBeOurs(file: string): Promise<void> {
  const uid = privilegedUser();
  const stranger = uid === undefined ? undefined : await strangerWhoCanChange(file, uid);
  if (stranger === undefined) return;
  throw new Failure({
    doing: "use the configuration",
    what: file,
    why: `${JSON.stringify(stranger.path)} ${stranger.how}`,
    remedy: "check what the file says, then close that to others with chown or chmod",
    exit: exitStatus.usage,
  });
}

const orCreate = "create it (docs/configuration.md has an example) or name its folder with --conf-dir";

function missing(file: string, optional: boolean): Failure {
  return new Failure({
    doing: "read the configuration",
    what: file,
    why: "there is no such file",
    remedy: optional
      ? `say where the backups are with --bucket, or with --cf-region and --export of the stack that made the bucket; or ${orCreate}`
      : orCreate,
    exit: exitStatus.usage,
  });
}

function twoBuckets(): Failure {
  return new Failure({
    doing: "choose the bucket",
    why: "--bucket names one, and --cf-region and --export look one up",
    remedy: "leave out one of them (AWS_REGION sets the region of the bucket that --bucket names)",
    exit: exitStatus.usage,
  });
}

/** Whether the SDK's own variables name an endpoint: a machine without `conf` finds services other than Amazon's by them. */
function endpointInEnvironment(): boolean {
  return (process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL ?? "") !== "";
}

/** Checks the value of an option. Throws a Failure (exit 2) that says what is allowed. */
export function option(name: string, schema: z.ZodType<string>, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const why = `${result.error.issues[0]?.message}`;
  throw new Failure({ doing: `use ${name}`, what: value, why: `it is not allowed: ${why}`, exit: exitStatus.usage });
}

/** The backup name of a machine whose conf has none. Throws a Failure (exit 2) if the host name cannot be one. */
export function nameOfHost(hostName: string): string {
  const result = backupName.safeParse(hostName);
  if (result.success) return result.data;
  throw new Failure({
    doing: "use the host name as backup name",
    what: hostName,
    why: "it has characters that a backup name must not have",
    remedy: "set name in [backup], or give --name",
    exit: exitStatus.usage,
  });
}
