import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import {
  type Capability,
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
} from "@aws-sdk/client-cloudformation";
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { requestsTo } from "./request-log.ts";
import { type CephAddress, ceph, clientConfig, moto, newBucket } from "./services.ts";

const until = new Date("2099-01-01T00:00:00Z");

async function putLocked(client: S3Client, bucket: string) {
  const { VersionId } = await client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: "locked",
      Body: "kept",
      ObjectLockMode: "COMPLIANCE",
      ObjectLockRetainUntilDate: until,
    }),
  );
  return { Bucket: bucket, Key: "locked", VersionId };
}

describe.each([
  { name: "Ceph", service: ceph },
  { name: "moto", service: moto },
])("$name", ({ service }) => {
  async function withBucket(lock: boolean, use: (client: S3Client, bucket: string) => Promise<void>) {
    if (service === undefined) throw new Error("not running");
    const client = new S3Client(clientConfig(service));
    try {
      await use(client, await newBucket(service, { lock }));
    } finally {
      client.destroy();
    }
  }

  test.skipIf(!service)("the service refuses to delete a locked version, and keeps its date", () =>
    withBucket(true, async (client, bucket) => {
      const version = await putLocked(client, bucket);
      await expect(client.send(new DeleteObjectCommand(version))).rejects.toMatchObject({ name: "AccessDenied" });
      const { ObjectLockRetainUntilDate } = await client.send(new HeadObjectCommand(version));
      expect(ObjectLockRetainUntilDate).toEqual(until);
    }),
  );

  test.skipIf(!service)(
    "the service deletes a version that is not locked, and refuses locks in a bucket without them",
    () =>
      withBucket(false, async (client, bucket) => {
        const { VersionId } = await client.send(new PutObjectCommand({ Bucket: bucket, Key: "free", Body: "gone" }));
        expect(VersionId).toMatch(/./);
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: "free", VersionId }));
        const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        expect(KeyCount).toBe(0);
        await expect(putLocked(client, bucket)).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
      }),
  );
});

/** The requests to a bucket once there are `count` of them. */
async function settled(bucket: string, address: CephAddress, count: number) {
  for (;;) {
    const requests = await requestsTo(bucket, address);
    if (requests.length >= count) return requests;
    await Bun.sleep(50);
  }
}

test.skipIf(!ceph)("Ceph logs each request it has served", async () => {
  if (ceph === undefined) throw new Error("not running");
  const bucket = await newBucket(ceph, { lock: false });
  const client = new S3Client(clientConfig(ceph));
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: "seen", Body: "x" }));
  await client.send(new HeadObjectCommand({ Bucket: bucket, Key: "unseen" })).catch(() => {});
  client.destroy();

  const expected = [
    { bucket, operation: "create_bucket", http_status: "200" },
    { bucket, operation: "set_bucket_versioning", http_status: "200" },
    { bucket, operation: "put_obj", http_status: "200" },
    { bucket, operation: "get_obj", http_status: "404" },
  ];
  expect(await settled(bucket, ceph, expected.length)).toEqual(expected);
});

test.skipIf(!ceph)("Ceph logs requests that it serves at the same time", async () => {
  if (ceph === undefined) throw new Error("not running");
  const bucket = await newBucket(ceph, { lock: false });
  const client = new S3Client(clientConfig(ceph));
  const puts = Array.from({ length: 200 }, (_, n) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: `side-by-side-${n}`, Body: "" })),
  );
  await Promise.all(puts);
  client.destroy();

  const requests = await settled(bucket, ceph, puts.length + 2);
  expect(requests.filter(({ operation }) => operation === "put_obj")).toHaveLength(puts.length);
});

test.skipIf(!moto)("moto reports the caller", async () => {
  if (moto === undefined) throw new Error("not running");
  const client = new STSClient(clientConfig(moto));
  const { Arn } = await client.send(new GetCallerIdentityCommand({}));
  client.destroy();
  expect(Arn).toStartWith("arn:aws:");
});

test.skipIf(!moto)("moto keeps the stacks that are made while others fail", async () => {
  if (moto === undefined) throw new Error("not running");
  const { forcePathStyle: _, ...config } = clientConfig(moto);
  const client = new CloudFormationClient({ ...config, maxAttempts: 1 });
  const template = await Bun.file(join(import.meta.dir, "../../cfn/sysbackup.yaml")).text();
  const unique = randomUUID().slice(0, 8);
  const taken = await newBucket(moto, { lock: false });
  const create = (name: string, bucket: string) => {
    const values = { PackageName: name, ExportName: name, BucketName: bucket };
    const Parameters = Object.entries(values).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    }));
    const Capabilities: Capability[] = ["CAPABILITY_NAMED_IAM"];
    return client.send(new CreateStackCommand({ StackName: name, TemplateBody: template, Parameters, Capabilities }));
  };
  const stacks = Array.from({ length: 8 }, (_, number) => ({ name: `t-${unique}-${number}`, good: number % 2 === 0 }));
  const made = await Promise.allSettled(stacks.map(({ name, good }) => create(name, good ? `${name}-bucket` : taken)));
  expect(made.map(({ status }) => status)).toEqual(stacks.map(({ good }) => (good ? "fulfilled" : "rejected")));
  for (const { name, good } of stacks) {
    const found = client.send(new DescribeStacksCommand({ StackName: name }));
    if (good) expect((await found).Stacks?.[0]?.StackStatus).toBe("CREATE_COMPLETE");
    else await expect(found).rejects.toThrow("does not exist");
  }
  client.destroy();
});
