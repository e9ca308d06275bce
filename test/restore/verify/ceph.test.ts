/** Faults that someone with rights can plant on a real gateway. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  DeleteObjectCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { archive } from "../../../core/archive/archive.ts";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { Rig } from "../../core/archive/rig.ts";
import { openWithKeys } from "../../core/bucket/open-with-keys.ts";
import { ceph, clientConfig, newBucket } from "../../support/services.ts";
import { everything, root, verified } from "./plant.ts";

const hour = 3_600_000;

describe.skipIf(ceph === undefined)("verify on Ceph finds", () => {
  let rig: Rig;
  let client: S3Client;
  beforeAll(async () => {
    rig = await Rig.make();
    await rig.write("a", "a".repeat(4_000));
    if (ceph !== undefined) client = new S3Client(clientConfig(ceph));
  });
  afterAll(async () => {
    client?.destroy();
    await rig[Symbol.asyncDispose]();
  });

  type Place = { readonly Bucket: string; readonly Key: string; readonly VersionId: string };

  /** A bucket with one backup, and the places of its pack and its root. */
  async function withBackup(use: (bucket: Bucket, pack: Place, root: Place) => Promise<void>): Promise<void> {
    if (ceph === undefined) throw new Error("absent");
    const Bucket = await newBucket(ceph, { lock: true });
    const bucket = await openWithKeys(ceph, Bucket);
    await archive(rig.job(() => {}, bucket));
    const place = async (prefix: string, matching = /./): Promise<Place> => {
      const keys = (await Array.fromAsync(bucket.list(prefix))).flat().map(({ key }) => key);
      const Key = keys.find((key) => matching.test(key)) ?? "";
      return { Bucket, Key, VersionId: (await bucket.head(Key))?.version ?? "" };
    };
    try {
      await use(bucket, await place("packs/"), await place("manifests/", root));
    } finally {
      await bucket.close();
    }
  }

  async function found(bucket: Bucket): Promise<unknown> {
    const { state, findings, losses } = await verified({ bucket, now: rig.now, name: "host", read: everything });
    return [state, ...findings.map(({ key, code }) => `${code} ${key.split("/")[0]}`), losses.length];
  }

  test("a sound backup sound", () =>
    withBackup(async (bucket) => expect(await found(bucket)).toEqual(["restorable", 0])));

  test("verify on Ceph finds delete markers over a pack and over the root, which hurt no restore", () =>
    withBackup(async (bucket, { Bucket, Key }, top) => {
      for (const key of [Key, top.Key]) await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
      expect(await found(bucket)).toEqual(["restorable", "delete-marker manifests", "delete-marker packs", 0]);
    }));

  test("verify on Ceph finds newer versions over a pack and over the root, which hurt no restore", () =>
    withBackup(async (bucket, { Bucket, Key }, top) => {
      for (const key of [Key, top.Key]) await client.send(new PutObjectCommand({ Bucket, Key: key, Body: "other" }));
      expect(await found(bucket)).toEqual(["restorable", "newer-version manifests", "newer-version packs", 0]);
    }));

  test("verify on Ceph finds a legal hold", () =>
    withBackup(async (bucket, pack) => {
      await client.send(new PutObjectLegalHoldCommand({ ...pack, LegalHold: { Status: "ON" } }));
      expect(await found(bucket)).toEqual(["restorable", "legal-hold packs", 0]);
    }));

  test("verify on Ceph finds a lock that someone with the right to bypass it made shorter", () =>
    withBackup(async (bucket, pack) => {
      const Retention = { Mode: "GOVERNANCE", RetainUntilDate: new Date(Date.now() + hour) } as const;
      await client.send(new PutObjectRetentionCommand({ ...pack, Retention, BypassGovernanceRetention: true }));
      expect(await found(bucket)).toEqual(["short", "lock-short packs", 0]);
    }));

  test("verify on Ceph finds a pack that someone with the right to bypass its lock deleted", () =>
    withBackup(async (bucket, pack) => {
      await client.send(new DeleteObjectCommand({ ...pack, BypassGovernanceRetention: true }));
      expect(await found(bucket)).toEqual(["damaged", "missing packs", 1]);
    }));
});
