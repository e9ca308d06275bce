/** The sections and keys of `conf`, with their defaults. `docs/configuration.md` has them for users. */
import { z } from "zod";
import { codecNamed, compressionNames } from "../format/codecs/codec.ts";
import { lockModes } from "../format/lock-mode.ts";
import { bundleName, bundleSection } from "./bundle-section.ts";
import { encryptionSection } from "./encryption.ts";
import { timetable } from "./timetable.ts";
import {
  absolutePath,
  backupName,
  backupNames,
  bucketUrl,
  httpUrl,
  oneOf,
  roleArn,
  seconds,
  share,
  size,
  tableName,
  text,
  variableNames,
  wholeNumber,
  yesOrNo,
} from "./values.ts";

const mebibyte = 1024 ** 2;

const aws = z.strictObject({
  profile: text.optional(),
  credentials_file: text.optional(),
  role_arn: roleArn.optional(),
});

const s3 = z.strictObject({
  bucket: bucketUrl.optional(),
  endpoint: httpUrl.optional(),
  region: text.optional(),
  path_style: yesOrNo.optional(),
  /** At most as many as there are connections (`mostSockets`). */
  max_requests: wholeNumber(1, 50).default(50),
  upload_limit: timetable.default([]),
  download_limit: timetable.default([]),
});

const cloudformation = z.strictObject({
  region: text.optional(),
  export: text.default("backup-bucket"),
});

const content = z
  .strictObject({
    lock_timeout: seconds(0).default(5_000),
    /** At most 36,500 days, the longest retention that S3 accepts. */
    days_retained: wholeNumber(1, 36_500).default(30),
    layout: oneOf("packs", "objects").default("packs"),
    compression: oneOf(...compressionNames).default("zstd"),
    compression_level: wholeNumber(1, 19).optional(),
    pack_size: size(mebibyte, 256 * mebibyte, "give bytes from 1M to 256M").default(16 * mebibyte),
    repack_below: share.default(0.4),
    follow: oneOf("all", "picked", "none").default("all"),
    share_with: backupNames.default([]),
    believe_verified: yesOrNo.default(true),
    picker_timeout: seconds(1).default(3_600_000),
    snapshot_timeout: seconds(1).default(21_600_000),
    lock_mode: oneOf(...lockModes).default("GOVERNANCE"),
    workers: wholeNumber(0, 32).optional(),
  })
  .superRefine(({ layout, compression, compression_level: level }, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: "custom", path: [key], message });
    if (compression !== "zstd" && compression !== "none" && layout === "packs") {
      refuse("compression", "packs consist of zstd frames: give zstd or none, or set layout = objects");
    }
    if (level === undefined) return;
    const { levels } = codecNamed(compression);
    if (levels === undefined) {
      refuse("compression_level", `compression = ${compression} has no level: leave the key out`);
    } else if (level > levels.most) {
      refuse("compression_level", `give a whole number from 1 to ${levels.most} for ${compression}`);
    }
  })
  .transform((keys) => ({
    ...keys,
    compression_level: keys.compression_level ?? codecNamed(keys.compression).levels?.usual ?? 0,
  }));

const backup = z.strictObject({
  name: backupName.optional(),
  state_dir: absolutePath.default("/var/cache/backup"),
  pass_environment: variableNames.default(["all"]),
});

const index = z.strictObject({ dynamodb_table: tableName.optional() });

const dynamodb = z.strictObject({ region: text.optional(), endpoint: httpUrl.optional() });

const signing = z.strictObject({ key_file: absolutePath.optional() });

export const conf = z.strictObject({
  aws: aws.prefault({}),
  s3: s3.prefault({}),
  cloudformation: cloudformation.prefault({}),
  content: content.prefault({}),
  backup: backup.prefault({}),
  index: index.prefault({}),
  dynamodb: dynamodb.prefault({}),
  encryption: encryptionSection.prefault({}),
  signing: signing.prefault({}),
  bundle: z.record(bundleName, bundleSection).prefault({}),
});

/** What the names of sections of bundles begin with. */
export const bundlePrefix = "bundle ";
/** Stands for all sections of bundles in `knownKeys`. */
export const anyBundle = "bundle NAME";

/** The keys of each section, to suggest the one that was meant. */
export const knownKeys: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    aws,
    s3,
    cloudformation,
    content: content.in,
    backup,
    index,
    dynamodb,
    encryption: encryptionSection,
    signing,
    [anyBundle]: bundleSection,
  }).map(([name, section]) => [name, Object.keys(section.shape)]),
);
