/** Attempts to change how the bucket is set up. */
import {
  type BucketLifecycleConfiguration,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeleteBucketPolicyCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  PutBucketAclCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectLockConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import type { Attempt } from "./attempt.ts";

const lifecycle = {
  Rules: [
    { ID: "away", Status: "Enabled", Filter: { Prefix: "" }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
  ],
} satisfies BucketLifecycleConfiguration;

function everybody(bucket: string): string {
  const Resource = [`arn:aws:s3:::${bucket}/*`];
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:*", Resource }],
  });
}

const defaultLock = {
  ObjectLockEnabled: "Enabled",
  Rule: { DefaultRetention: { Mode: "GOVERNANCE", Days: 1 } },
} as const;

function ofBucket(name: string, action: string, send: (client: S3Client, Bucket: string) => Promise<unknown>): Attempt {
  const needs = [{ action, on: null }];
  return { name, target: "packs/", needs, changesBucket: true, send: (client, { bucket }) => send(client, bucket) };
}

export const bucketWide: Attempt[] = [
  ofBucket("see whether the bucket locks", "GetBucketObjectLockConfiguration", (client, Bucket) =>
    client.send(new GetObjectLockConfigurationCommand({ Bucket })),
  ),
  ofBucket("see whether the bucket keeps versions", "GetBucketVersioning", (client, Bucket) =>
    client.send(new GetBucketVersioningCommand({ Bucket })),
  ),
  ofBucket("see the lifecycle rules", "GetLifecycleConfiguration", (client, Bucket) =>
    client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
  ),
  ofBucket("read the bucket policy", "GetBucketPolicy", (client, Bucket) =>
    client.send(new GetBucketPolicyCommand({ Bucket })),
  ),
  ofBucket("allow everything by a bucket policy", "PutBucketPolicy", (client, Bucket) =>
    client.send(new PutBucketPolicyCommand({ Bucket, Policy: everybody(Bucket) })),
  ),
  ofBucket("remove the bucket policy", "DeleteBucketPolicy", (client, Bucket) =>
    client.send(new DeleteBucketPolicyCommand({ Bucket })),
  ),
  {
    ...ofBucket("suspend versioning", "PutBucketVersioning", (client, Bucket) =>
      client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Suspended" } })),
    ),
    lock: true,
  },
  ofBucket("change the default lock", "PutBucketObjectLockConfiguration", (client, Bucket) =>
    client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration: defaultLock })),
  ),
  ofBucket("expire objects by a lifecycle rule", "PutLifecycleConfiguration", (client, Bucket) =>
    client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: lifecycle })),
  ),
  ofBucket("remove the lifecycle rules", "PutLifecycleConfiguration", (client, Bucket) =>
    client.send(new DeleteBucketLifecycleCommand({ Bucket })),
  ),
  ofBucket("give the bucket to everybody by ACL", "PutBucketAcl", (client, Bucket) =>
    client.send(new PutBucketAclCommand({ Bucket, ACL: "public-read-write" })),
  ),
  ofBucket("lift the block on public access", "PutBucketPublicAccessBlock", (client, Bucket) =>
    client.send(
      new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: false } }),
    ),
  ),
  ofBucket("copy everything to another bucket by replication", "PutReplicationConfiguration", (client, Bucket) =>
    client.send(
      new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role: "", Rules: [replication] } }),
    ),
  ),
  {
    ...ofBucket("delete the bucket, which is not empty", "DeleteBucket", (client, Bucket) =>
      client.send(new DeleteBucketCommand({ Bucket })),
    ),
    lock: true,
  },
];

const replication = {
  ID: "away",
  Status: "Enabled",
  Priority: 1,
  Filter: { Prefix: "" },
  DeleteMarkerReplication: { Status: "Disabled" },
  Destination: { Bucket: "arn:aws:s3:::elsewhere" },
} as const;
