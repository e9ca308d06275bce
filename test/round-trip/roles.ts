/** Roles on the Ceph gateway for tests of what each may do, and clients that act under them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { S3Client, S3ServiceException } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { makeRole } from "../core/bucket/ceph-role.ts";
import { type CephAddress, clientConfig } from "../support/services.ts";
import type { Sections } from "./places.ts";

/** One permission of a policy: an action, on keys or (if `keys` is undefined) on the bucket. */
export type Right = {
  readonly action: string;
  /** Such as `*` or `index/*`. */
  readonly keys?: string;
  /** Pattern of the prefixes that may be listed. */
  readonly prefix?: string;
};

/** What `archive` needs to share what others have stored: without it, all of that is stored again. */
export const believing = {
  "GetObject of verified objects": { action: "GetObject", keys: "verified/*" },
  "ListBucket of verified objects": { action: "ListBucket", prefix: "verified/*" },
  "ListBucketVersions of packs": { action: "ListBucketVersions", prefix: "packs/*" },
  "ListBucketVersions of content": { action: "ListBucketVersions", prefix: "content/*" },
} as const satisfies Readonly<Record<string, Right>>;

/**
 * All that `archive` needs. Taking away any of them breaks it: the tests of this list say where; without GetObjectRetention,
 * a refused extension always means that content is stored again. On AWS, aborting an upload that
 * failed also needs s3:AbortMultipartUpload; without it, its parts are left to the bucket's lifecycle rule.
 */
export const archiveRights = {
  PutObject: { action: "PutObject", keys: "*" },
  PutObjectRetention: { action: "PutObjectRetention", keys: "*" },
  GetObjectRetention: { action: "GetObjectRetention", keys: "*" },
  GetObject: { action: "GetObject", keys: "index/*" },
  ListBucket: { action: "ListBucket", prefix: "index/*" },
  ...believing,
} as const satisfies Readonly<Record<string, Right>>;

/**
 * All that `restore` and `list` need, for everything is found and read by version. On AWS, give s3:ListBucket as well: without it, what
 * is missing is answered with AccessDenied.
 */
export const readRights = {
  GetObjectVersion: { action: "GetObjectVersion", keys: "*" },
  ListBucketVersions: { action: "ListBucketVersions" },
} as const satisfies Readonly<Record<string, Right>>;

/** Returns the ARN of a new role. */
export function roleWith(service: CephAddress, bucket: string, rights: readonly Right[]): Promise<string> {
  const arn = `arn:aws:s3:::${bucket}`;
  const Statement = rights.map(({ action, keys, prefix }) => ({
    Effect: "Allow",
    Action: `s3:${action}`,
    Resource: keys === undefined ? arn : `${arn}/${keys}`,
    ...(prefix !== undefined && { Condition: { StringLike: { "s3:prefix": prefix } } }),
  }));
  return makeRole(service, { Version: "2012-10-17", Statement });
}

/** Acts as the role alone, with nothing of its user's rights. The caller destroys it. */
export async function clientOf(service: CephAddress, role: string): Promise<S3Client> {
  const sts = new STSClient(clientConfig(service));
  try {
    const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn: role, RoleSessionName: "thief" }));
    const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = Credentials ?? {};
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    return new S3Client({ ...clientConfig(service), credentials });
  } finally {
    sts.destroy();
  }
}

/** Sections of a `conf` that acts on the bucket under the role. The user's keys go into a file in `dir`. */
export async function sectionsFor(service: CephAddress, bucket: string, role: string, dir: string): Promise<Sections> {
  const { accessKey, secretKey, endpoint, region } = service;
  const file = join(dir, "credentials");
  const keys = `aws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
  await writeFile(file, `[default]\n${keys}`, { mode: 0o600 });
  return { aws: { credentials_file: file, role_arn: role }, s3: { bucket, endpoint, region } };
}

/** Status of the answer, also of a refusal. */
export async function statusOf(answer: Promise<unknown>): Promise<number | undefined> {
  try {
    await answer;
    return 200;
  } catch (error) {
    if (error instanceof S3ServiceException) return error.$metadata.httpStatusCode;
    throw error;
  }
}
