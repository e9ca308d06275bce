/** A bucket on Ceph and on moto: roles, keys, delete markers, legal holds. */

import { describe, expect, test } from "bun:test";
import { DeleteObjectCommand, PutObjectCommand, PutObjectLegalHoldCommand, S3Client } from "@aws-sdk/client-s3";
import { credentialProvider } from "../../../../core/aws/credentials.ts";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { noCounts } from "../../../../core/bucket/decorators/count.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { requestsTo } from "../../../support/request-log.ts";
import { type CephAddress, ceph, clientConfig, moto, newBucket } from "../../../support/services.ts";
import { archiveRights, makeRole } from "../ceph-role.ts";
import { failureOf } from "../failure.ts";
import { openWithKeys } from "../open-with-keys.ts";

const hour = 3_600_000;
const soon = () => ({ mode: "GOVERNANCE", until: new Date(Date.now() + hour) }) as const;
const bytes = (text: string): Uint8Array => Buffer.from(text);

for (const [name, service] of Object.entries({ Ceph: ceph, moto })) {
  describe.skipIf(service === undefined)(`on ${name}`, () => {
    const running = () => service ?? Promise.reject(new Error("absent"));

    test("a bucket without Object Lock is refused", async () => {
      const bucket = await openWithKeys(await running(), await newBucket(await running(), { lock: false }));
      const failure = await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
      expect(failure.kind).toBe("no-lock");
      await bucket.close();
    });

    test("a delete marker hides an object, and is listed", async () => {
      const at = await running();
      const Bucket = await newBucket(at, { lock: true });
      const bucket = await openWithKeys(at, Bucket);
      const stored = await bucket.put("k", bytes("x"), { retention: soon() });
      const client = new S3Client(clientConfig(at));
      const { VersionId: marker = "" } = await client.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
      expect(await bucket.head("k")).toBeUndefined();
      expect(await bucket.head("k", marker)).toBeUndefined();
      expect((await failureOf(readAll(bucket.get("k"), 10))).kind).toBe("missing");
      expect((await readAll(bucket.get("k", stored), 10)).toString()).toBe("x");
      for await (const page of bucket.list("")) expect(page).toEqual([]);
      for await (const page of bucket.listVersions(""))
        expect(page).toEqual([
          { key: "k", version: marker, size: 0, stored: expect.any(Date), latest: true, deleteMarker: true },
          { ...stored, stored: expect.any(Date), latest: false, deleteMarker: false },
        ]);
      client.destroy();
      await bucket.close();
    });

    test("a legal hold shows", async () => {
      const at = await running();
      const Bucket = await newBucket(at, { lock: true });
      const bucket = await openWithKeys(at, Bucket);
      const { version } = await bucket.put("k", bytes("x"), { retention: soon() });
      expect((await bucket.head("k", version))?.legalHold).toBe(false);
      const client = new S3Client(clientConfig(at));
      await client.send(new PutObjectLegalHoldCommand({ Bucket, Key: "k", LegalHold: { Status: "ON" } }));
      expect((await bucket.head("k", version))?.legalHold).toBe(true);
      client.destroy();
      await bucket.close();
    });
  });
}

describe.skipIf(ceph === undefined)("on Ceph", () => {
  const service = () => ceph ?? Promise.reject(new Error("absent"));

  test("wrong keys are refused, and the message says what to check", async () => {
    const at = await service();
    const name = await newBucket(at, { lock: true });
    const bucket = await openWithKeys({ ...at, secretKey: "wrong" }, name);
    const failure = await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
    expect(["denied", "credentials"]).toContain(failure.kind);
    expect(failure.message).toMatch(/check (that the credentials|profile)/);
    await bucket.close();
  });

  test("the archive's role puts, extends, uploads in parts and reads the index, and may do nothing else", async () => {
    const at = await service();
    const name = await newBucket(at, { lock: true });
    const roleArn = await makeRole(at, archiveRights(name));
    const bucket = await openWithKeys(at, name, { roleArn });
    const { version } = await bucket.put("packs/a", bytes("pack"), { retention: soon() });
    await bucket.extend("packs/a", version, { mode: "GOVERNANCE", until: new Date(Date.now() + 2 * hour) });
    await bucket.put("index/a", bytes("index"), { retention: soon() });
    expect((await readAll(bucket.get("index/a"), 10)).toString()).toBe("index");
    const upload = await bucket.startUpload("snapshots/a", { retention: soon() });
    await upload.part(1, bytes("dump"));
    const dump = await upload.complete();
    await checkDenied(bucket, version);
    const all = await openWithKeys(at, name);
    expect((await all.head("snapshots/a", dump.version))?.retention?.mode).toBe("GOVERNANCE");
    await bucket.close();
    await all.close();
  });

  test("a role that may not read sees locks, and what has none", async () => {
    const at = await service();
    const name = await newBucket(at, { lock: true });
    const all = await openWithKeys(at, name);
    const locked = await all.put("packs/a", bytes("pack"), { retention: soon() });
    const client = new S3Client(clientConfig(at));
    const { VersionId: free = "" } = await client.send(
      new PutObjectCommand({ Bucket: name, Key: "packs/b", Body: "x" }),
    );
    const { VersionId: marker = "" } = await client.send(new DeleteObjectCommand({ Bucket: name, Key: "packs/a" }));
    client.destroy();
    const [Action, Resource] = ["s3:GetObjectRetention", `arn:aws:s3:::${name}/*`];
    const roleArn = await makeRole(at, { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] });
    const bucket = await openWithKeys(at, name, { roleArn });
    expect((await bucket.retention("packs/a", locked.version))?.mode).toBe("GOVERNANCE");
    expect(await bucket.retention("packs/b", free)).toBeUndefined();
    expect((await failureOf(bucket.retention("packs/a", marker))).kind).toBe("missing");
    expect((await failureOf(bucket.head("packs/a", locked.version))).kind).toBe("denied");
    await bucket.close();
    await all.close();
  });

  async function checkDenied(bucket: Bucket, version: string): Promise<void> {
    const attempts = {
      get: readAll(bucket.get("packs/a", { version }), 10),
      head: bucket.head("packs/a", version),
      remove: bucket.remove("packs/a", version),
      list: readPages(bucket.list("packs/")),
      shorten: bucket.extend("packs/a", version, soon()),
    };
    const kinds = Object.entries(attempts).map(async ([call, run]) => [call, (await failureOf(run)).kind]);
    expect(Object.fromEntries(await Promise.all(kinds))).toEqual({
      get: "denied",
      head: "denied",
      remove: "locked",
      list: "denied",
      shorten: "locked",
    });
  }

  async function readPages(pages: AsyncIterable<unknown>): Promise<void> {
    for await (const page of pages) expect(page).toBeUndefined();
  }

  test("a role's credentials expire, and are fetched again shortly before", async () => {
    const at = await service();
    const name = await newBucket(at, { lock: true });
    const roleArn = await makeRole(at, archiveRights(name));
    process.env.AWS_ACCESS_KEY_ID = at.accessKey;
    process.env.AWS_SECRET_ACCESS_KEY = at.secretKey;
    try {
      let ahead = 0;
      const now = () => new Date(Date.now() + ahead);
      const provider = await credentialProvider({ roleArn, sessionName: "ho st/1", now }, at);
      const [first, second] = [await provider(), await provider()];
      expect(first.sessionToken).toBeString();
      expect(second).toEqual(first);
      expect(first.expiration?.getTime()).toBeGreaterThan(Date.now() + 10 * 60_000);
      ahead = (first.expiration?.getTime() ?? 0) - Date.now() - 5 * 60_000;
      expect((await provider()).sessionToken).not.toBe(first.sessionToken ?? "");
    } finally {
      delete process.env.AWS_ACCESS_KEY_ID;
      delete process.env.AWS_SECRET_ACCESS_KEY;
    }
  });

  test("a role that does not exist is a matter of credentials", async () => {
    const bucket = await openWithKeys(await service(), "any", { roleArn: "arn:aws:iam:::role/nobody" });
    const failure = await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
    expect(failure.kind).toBe("credentials");
    expect(failure.message).toContain("role_arn");
    await bucket.close();
  });

  test("the requests that are counted are those that the gateway logs", async () => {
    const at = await service();
    const name = await newBucket(at, { lock: true });
    const counts = noCounts();
    const bucket = await openWithKeys(at, name, { counts });
    const { version } = await bucket.put("a", bytes("hello"), { retention: soon() });
    await readAll(bucket.get("a", { version }), 10);
    await bucket.head("a");
    for await (const page of bucket.list("")) expect(page.length).toBe(1);
    const upload = await bucket.startUpload("b", { retention: soon() });
    await upload.part(1, bytes("dump"));
    await upload.complete();
    await failureOf(bucket.remove("a", version));
    const requests = counts.put + counts.get + counts.head + counts.list + counts.extend + counts.remove;
    // A refused removal is followed by a look at the lock, and so is the end of an upload.
    expect(requests).toBe(11);
    expect(await served(at, name, requests + 2)).toBe(requests + 2); // and the two that made the bucket
    await bucket.close();
  });

  /** Waits until the gateway has logged as many requests as expected, and a little longer to see that there are no more. */
  async function served(service: CephAddress, bucket: string, expected: number): Promise<number> {
    for (const end = Date.now() + 60_000; Date.now() < end; await Bun.sleep(100))
      if ((await requestsTo(bucket, service)).length >= expected) break;
    await Bun.sleep(300);
    return (await requestsTo(bucket, service)).length;
  }
});
