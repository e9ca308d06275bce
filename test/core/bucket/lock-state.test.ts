import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { ceph, moto, newBucket, type Service } from "../../support/services.ts";
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
});

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

  test.skipIf(!service)("no bucket", async () => {
    if (!service) return;
    const asked = lockStateOf(service, `none-${randomUUID()}`);
    expect(await asked.catch((error: unknown) => error)).toMatchObject({ kind: "no-bucket" });
  });
});
