/**
 * What this machine offers to tests. A test that needs something names it in `skipIf`:
 *
 *   test.skipIf(!ceph)("…", async () => …)
 *
 * Services are there under `bun run test`, or after exporting what `bun test/support/services/start.ts` prints.
 */
import { randomUUID } from "node:crypto";
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { type CephAddress, fromEnvironment, type MotoAddress } from "./services/address.ts";

export type { CephAddress, MotoAddress };

/** Undefined if the service is not running. */
export const { ceph, moto } = fromEnvironment(process.env);

export const isRoot = process.getuid?.() === 0;

export function has(tool: string): boolean {
  return Bun.which(tool) !== null;
}

export type Service = CephAddress | MotoAddress;

/** Settings for any client of the AWS SDK that is to talk to the service, with all rights. */
export function clientConfig({ endpoint, region, accessKey, secretKey }: Service) {
  return {
    endpoint,
    region,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    forcePathStyle: true,
  } satisfies S3ClientConfig;
}

/** Makes a versioned bucket with a name of its own, with Object Lock or without, and returns the name. */
export async function newBucket(service: Service, { lock }: { readonly lock: boolean }): Promise<string> {
  const client = new S3Client(clientConfig(service));
  const bucket = { Bucket: `test-${randomUUID()}` };
  try {
    await client.send(new CreateBucketCommand({ ...bucket, ObjectLockEnabledForBucket: lock }));
    await client.send(new PutBucketVersioningCommand({ ...bucket, VersioningConfiguration: { Status: "Enabled" } }));
  } finally {
    client.destroy();
  }
  return bucket.Bucket;
}
