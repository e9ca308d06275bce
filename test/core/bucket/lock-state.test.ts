import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bucketCredentials } from "../../../core/aws/credentials.ts";
import { readLockState } from "../../../core/bucket/lock-state.ts";
import { ceph, moto, newBucket, type Service } from "../../support/services.ts";
import { scratch } from "./scratch.ts";

async function lockStateOf({ endpoint, region, accessKey, secretKey }: Service, bucket: string) {
  await using folder = await scratch();
  const credentialsFile = join(folder.path, "keys");
  await writeFile(credentialsFile, `[default]\naws_access_key_id=${accessKey}\naws_secret_access_key=${secretKey}\n`);
  return await readLockState({
    bucket,
    region,
    endpoint,
    credentials: bucketCredentials({ credentialsFile, sessionName: "test" }),
  });
}

test("a folder keeps locks and versions by itself", async () => {
  const state = await readLockState({
    bucket: "file:///srv/backups",
    credentials: bucketCredentials({ sessionName: "test" }),
  });
  expect(state).toEqual({ objectLock: true, versioning: true });
});

describe.each([
  ["Ceph", ceph],
  ["moto", moto],
] as const)("%s", (_name, service) => {
  test.skipIf(!service)("a locked bucket", async () => {
    if (!service) return;
    const bucket = await newBucket(service, { lock: true });
    expect(await lockStateOf(service, bucket)).toEqual({ objectLock: true, versioning: true });
  });

  test.skipIf(!service)("a bucket with versions, but without Object Lock", async () => {
    if (!service) return;
    const bucket = await newBucket(service, { lock: false });
    expect(await lockStateOf(service, bucket)).toEqual({ objectLock: false, versioning: true });
  });

  test.skipIf(!service)("no bucket", async () => {
    if (!service) return;
    const asked = lockStateOf(service, `none-${randomUUID()}`);
    expect(await asked.catch((error: unknown) => error)).toMatchObject({ kind: "no-bucket" });
  });
});
