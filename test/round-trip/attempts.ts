/** What a thief of the archive role's credentials may try against a run's objects. */
import {
  CopyObjectCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketAclCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Stored } from "../../core/bucket/contract.ts";

export type Attempt = {
  readonly name: string;
  /** Resolves if the gateway did as it was asked. */
  readonly send: (client: S3Client, bucket: string, stored: Stored) => Promise<unknown>;
  /** Answer of Ceph 16.2 if it is not AccessDenied. The attempt must still have no effect. */
  readonly ceph?: { readonly status: number; readonly why: string; readonly aws: string };
};

const tomorrow = () => new Date(Date.now() + 24 * 60 * 60 * 1000);
const place = (bucket: string, { key, version }: Stored) => ({ Bucket: bucket, Key: key, VersionId: version });
const bypass = { BypassGovernanceRetention: true } as const;

function shorten(client: S3Client, bucket: string, stored: Stored, options: { BypassGovernanceRetention?: true }) {
  const Retention = { Mode: "GOVERNANCE", RetainUntilDate: tomorrow() } as const;
  return client.send(new PutObjectRetentionCommand({ ...place(bucket, stored), ...options, Retention }));
}

function removeMany(client: S3Client, bucket: string, { key, version }: Stored, options: object) {
  const Delete = { Objects: [{ Key: key, VersionId: version }, { Key: key }] };
  return client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete, ...options }));
}

const rule = { ID: "away", Status: "Enabled", Filter: { Prefix: "" } } as const;
const lifecycle = {
  Rules: [{ ...rule, Expiration: { Days: 1 }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } }],
};
const everything = (bucket: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource: [`arn:aws:s3:::${bucket}/*`] }],
  });

export const onObjects: readonly Attempt[] = [
  {
    name: "put a delete marker",
    send: (client, Bucket, { key }) => client.send(new DeleteObjectCommand({ Bucket, Key: key })),
  },
  {
    name: "delete the version",
    send: (client, bucket, stored) => client.send(new DeleteObjectCommand(place(bucket, stored))),
  },
  {
    name: "delete the version, bypassing governance",
    send: (client, bucket, stored) => client.send(new DeleteObjectCommand({ ...place(bucket, stored), ...bypass })),
  },
  { name: "delete by list", send: (client, bucket, stored) => removeMany(client, bucket, stored, {}) },
  {
    name: "delete by list, bypassing governance",
    send: (client, bucket, stored) => removeMany(client, bucket, stored, bypass),
  },
  { name: "an earlier date", send: (client, bucket, stored) => shorten(client, bucket, stored, {}) },
  {
    name: "an earlier date, bypassing governance",
    send: (client, bucket, stored) => shorten(client, bucket, stored, bypass),
  },
  {
    name: "no date at all, bypassing governance",
    send: (client, bucket, stored) =>
      client.send(new PutObjectRetentionCommand({ ...place(bucket, stored), ...bypass, Retention: {} })),
    ceph: {
      status: 400,
      why: "it accepts no retention without a date, from any role",
      aws: "takes it as lifting the lock, for which the role lacks s3:BypassGovernanceRetention: AccessDenied",
    },
  },
  {
    name: "lift a legal hold",
    send: (client, bucket, stored) =>
      client.send(new PutObjectLegalHoldCommand({ ...place(bucket, stored), LegalHold: { Status: "OFF" } })),
  },
  {
    name: "give it to everybody by ACL",
    send: (client, bucket, stored) =>
      client.send(new PutObjectAclCommand({ ...place(bucket, stored), ACL: "public-read" })),
  },
];

/** Attempts on objects outside of the index, which the role may read. */
export const onContent: readonly Attempt[] = [
  { name: "read it", send: (client, Bucket, { key }) => client.send(new GetObjectCommand({ Bucket, Key: key })) },
  {
    name: "read the version",
    send: (client, bucket, stored) => client.send(new GetObjectCommand(place(bucket, stored))),
  },
  { name: "look it up", send: (client, Bucket, { key }) => client.send(new HeadObjectCommand({ Bucket, Key: key })) },
  {
    name: "copy it to a folder that the role may read",
    send: (client, Bucket, { key }) =>
      client.send(new CopyObjectCommand({ Bucket, Key: "index/copy", CopySource: `${Bucket}/${key}` })),
  },
];

export const onBucket: readonly Attempt[] = [
  ...["", "packs/", "manifests/", "snapshots/", "content/"].map((Prefix) => ({
    name: `list ${JSON.stringify(Prefix)}`,
    send: (client: S3Client, Bucket: string) => client.send(new ListObjectsV2Command({ Bucket, Prefix })),
  })),
  {
    name: "list versions",
    send: (client, Bucket) => client.send(new ListObjectVersionsCommand({ Bucket, Prefix: "index/" })),
  },
  { name: "list uploads", send: (client, Bucket) => client.send(new ListMultipartUploadsCommand({ Bucket })) },
  {
    name: "suspend versioning",
    send: (client, Bucket) =>
      client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
    ceph: {
      status: 409,
      why: "it looks at the bucket's Object Lock before it looks at rights",
      aws: "the role lacks s3:PutBucketVersioning: AccessDenied; its owner, too, is refused (InvalidBucketState)",
    },
  },
  {
    name: "change the default lock",
    send: (client, Bucket) => {
      const Rule = { DefaultRetention: { Mode: "GOVERNANCE", Days: 1 } } as const;
      const ObjectLockConfiguration = { ObjectLockEnabled: "Enabled", Rule } as const;
      return client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    },
    ceph: {
      status: 200,
      why: "it asks no policy of a role for this. The default is for puts that name no date: archive's all do",
      aws: "the role lacks s3:PutBucketObjectLockConfiguration: AccessDenied",
    },
  },
  {
    name: "expire everything by a lifecycle rule",
    send: (client, Bucket) =>
      client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: lifecycle })),
  },
  {
    name: "remove the lifecycle rules",
    send: (client, Bucket) => client.send(new DeleteBucketLifecycleCommand({ Bucket })),
  },
  {
    name: "allow everything by a bucket policy",
    send: (client, Bucket) => client.send(new PutBucketPolicyCommand({ Bucket, Policy: everything(Bucket) })),
  },
  {
    name: "remove the bucket policy",
    send: (client, Bucket) => client.send(new DeleteBucketPolicyCommand({ Bucket })),
  },
  {
    name: "give the bucket to everybody by ACL",
    send: (client, Bucket) => client.send(new PutBucketAclCommand({ Bucket, ACL: "public-read-write" })),
  },
  { name: "delete the bucket", send: (client, Bucket) => client.send(new DeleteBucketCommand({ Bucket })) },
];
