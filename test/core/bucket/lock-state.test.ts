import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { type LifecycleRule, PutBucketLifecycleConfigurationCommand, S3Client } from "@aws-sdk/client-s3";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { ceph, clientConfig, moto, newBucket, type Service } from "../../support/services.ts";
import { openWithKeys } from "./open-with-keys.ts";
import { scratch } from "./scratch.ts";

async function lockStateOf(service: Service, name: string) {
  const bucket = await openWithKeys(service, name);
  try {
    return await bucket.lockState();
  } finally {
    await bucket.close();
  }
}

test("a folder keeps locks and versions by itself", async () => {
  await using folder = await scratch();
  const bucket = await openDirectoryBucket(folder.path, { now: () => new Date(), random: Math.random });
  expect(await bucket.lockState()).toEqual({ objectLock: true, versioning: true, keptBy: "this program" });
  expect(await bucket.expiryDays()).toBeUndefined();
});

async function expiryOf(service: Service, Bucket: string, Rules: LifecycleRule[]): Promise<number | undefined> {
  const client = new S3Client(clientConfig(service));
  if (Rules.length > 0)
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
  client.destroy();
  const bucket = await openWithKeys(service, Bucket);
  try {
    return await bucket.expiryDays();
  } finally {
    await bucket.close();
  }
}

const ofAll = { Status: "Enabled", Filter: { Prefix: "" } } as const;
const removing = { ...ofAll, ID: "r", NoncurrentVersionExpiration: { NoncurrentDays: 1 } } as const;
const rules: readonly [name: string, rules: LifecycleRule[], days: number | undefined][] = [
  ["no rules", [], undefined],
  ["rules for all", [{ ...ofAll, ID: "a", Expiration: { Days: 30 } }, removing], 30],
  ["one rule that hides and removes all", [{ ...removing, Expiration: { Days: 30 } }], 30],
  [
    "several rules for all: the earliest",
    [{ ...ofAll, ID: "a", Expiration: { Days: 30 } }, { ...ofAll, ID: "b", Expiration: { Days: 14 } }, removing],
    14,
  ],
  ["a rule that is off", [{ ...ofAll, ID: "a", Status: "Disabled", Expiration: { Days: 30 } }, removing], undefined],
  [
    "a rule for a folder",
    [{ ID: "a", Status: "Enabled", Filter: { Prefix: "tmp/" }, Expiration: { Days: 30 } }, removing],
    undefined,
  ],
  ["a rule that hides all, and none that removes it", [{ ...ofAll, ID: "a", Expiration: { Days: 30 } }], undefined],
  [
    "a rule that removes what is hidden in one folder only",
    [
      { ...ofAll, ID: "a", Expiration: { Days: 30 } },
      { ...removing, Filter: { Prefix: "tmp/" } },
    ],
    undefined,
  ],
  [
    "a rule for noncurrent versions only",
    [{ ...ofAll, ID: "a", NoncurrentVersionExpiration: { NoncurrentDays: 1 } }],
    undefined,
  ],
];

describe.each([
  ["Ceph", ceph],
  ["moto", moto],
] as const)("%s", (_name, service) => {
  const keptBy = "server";

  test.skipIf(!service)("a locked bucket", async () => {
    if (!service) return;
    const bucket = await newBucket(service, { lock: true });
    expect(await lockStateOf(service, bucket)).toEqual({ objectLock: true, versioning: true, keptBy });
  });

  test.skipIf(!service)("a bucket with versions, but without Object Lock", async () => {
    if (!service) return;
    const bucket = await newBucket(service, { lock: false });
    expect(await lockStateOf(service, bucket)).toEqual({ objectLock: false, versioning: true, keptBy });
  });

  test.skipIf(!service).each(rules)("days until all expire, with %s", async (_name, given, days) => {
    if (!service) return;
    expect(await expiryOf(service, await newBucket(service, { lock: true }), given)).toBe(days);
  });

  test.skipIf(!service)("no bucket", async () => {
    if (!service) return;
    const asked = lockStateOf(service, `none-${randomUUID()}`);
    expect(await asked.catch((error: unknown) => error)).toMatchObject({ kind: "no-bucket" });
  });
});
