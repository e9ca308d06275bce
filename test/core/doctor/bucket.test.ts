/** Checks that ask a real server. */
import { describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { chmod, rename } from "node:fs/promises";
import { join } from "node:path";
import { BucketError } from "../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../core/bucket/wrap.ts";
import { ceph, moto, newBucket } from "../../support/services.ts";
import { makeRole } from "../bucket/ceph-role.ts";
import { patient, patientAt } from "./patient.ts";

const minute = 60_000;
const shifted = (milliseconds: number) => () => new Date(Date.now() + milliseconds);

/** Rights of machines, as in the template. */
function backupRights(bucket: string): object {
  const arn = `arn:aws:s3:::${bucket}`;
  const rights = [
    ["s3:PutObject", `${arn}/*`],
    ["s3:PutObjectRetention", `${arn}/*`],
    ["s3:GetObjectRetention", `${arn}/*`],
    ["s3:GetObject", `${arn}/index/*`],
    ["s3:GetBucketObjectLockConfiguration", arn],
    ["s3:GetBucketVersioning", arn],
  ];
  const Statement: object[] = rights.map(([Action, Resource]) => ({ Effect: "Allow", Action, Resource }));
  const ofIndex = { StringLike: { "s3:prefix": "index/*" } };
  Statement.push({ Effect: "Allow", Action: "s3:ListBucket", Resource: arn, Condition: ofIndex });
  return { Version: "2012-10-17", Statement };
}

describe.skipIf(!ceph)("at a Ceph gateway", () => {
  const gateway = ceph;
  if (gateway === undefined) return;

  test("at a Ceph gateway with a locked bucket and right keys, all is well", async () => {
    await using well = await patientAt(gateway, { bucket: await newBucket(gateway, { lock: true }) });
    const findings = await well.examine();
    const states = Object.fromEntries(findings.map(({ check, state }) => [check, state]));
    expect(states).toMatchObject({ "key file": "good", credentials: "note", role: "note", bucket: "good" });
    expect(states).toMatchObject({ lock: "good", clock: "good", "last backup": "warning" });
    expect(findings.filter(({ text }) => text.includes(gateway.secretKey))).toEqual([]);
  });

  test("a bucket without Object Lock is bad", async () => {
    await using ill = await patientAt(gateway, { bucket: await newBucket(gateway, { lock: false }) });
    expect(await ill.examine("lock")).toMatchObject([{ state: "bad", text: "the bucket has no Object Lock" }]);
  });

  test("a bucket that lets expire what no lock holds is named as such", async () => {
    const bucket = await newBucket(gateway, { lock: true });
    await using well = await patientAt(gateway, { bucket });
    const opened = await well.machine.bucket();
    const expiring = wrapBucket(opened, { expiryDays: async () => 30 });
    const looks = await well.examine("lock", { bucket: async () => expiring });
    expect(looks).toMatchObject([
      { state: "good" },
      { state: "good", text: "the bucket removes what no lock holds, 30 days after it was stored: renew keeps more" },
    ]);
    const bundle = { path: "/srv", depth: "0", index: "metadata" };
    const sections = { s3: { bucket }, "bundle cold": bundle };
    await using bundling = await patient({ sections });
    expect(await bundling.examine("lock", { bucket: async () => expiring, lock: well.machine.lock })).toContainEqual(
      expect.objectContaining({ state: "warning", text: expect.stringContaining("then bundles are sent again") }),
    );
  });

  test("a missing bucket is bad, and gets no further requests", async () => {
    await using ill = await patientAt(gateway, { bucket: `none-${randomUUID()}` });
    const findings = await ill.examine();
    const of = (check: string) => findings.filter((finding) => finding.check === check);
    expect(of("bucket")).toMatchObject([{ state: "bad", text: expect.stringContaining("there is no such bucket") }]);
    expect(of("lock")).toEqual([{ check: "lock", state: "note", text: "not checked: no bucket" }]);
    expect(of("last backup")).toMatchObject([{ text: "not checked: no bucket" }]);
    expect(of("clock")).toMatchObject([{ state: "good" }]);
  });

  test("a wrong secret key is bad, and is not shown", async () => {
    const secretKey = `wrong-${randomUUID()}`;
    await using ill = await patientAt(gateway, { bucket: await newBucket(gateway, { lock: true }), secretKey });
    const findings = await ill.examine();
    expect(findings.find(({ check }) => check === "bucket")).toMatchObject({ state: "bad" });
    expect(JSON.stringify(findings)).not.toContain(secretKey);
  });

  test("keys that every user can read are bad", async () => {
    await using ill = await patientAt(gateway, { bucket: await newBucket(gateway, { lock: true }) });
    await chmod(join(ill.conf, "keys"), 0o644);
    expect(await ill.examine("key file")).toMatchObject([
      { state: "bad", text: expect.stringContaining("open to every") },
    ]);
  });

  test("a missing credentials file is bad", async () => {
    await using ill = await patientAt(gateway, { bucket: await newBucket(gateway, { lock: true }) });
    await rename(join(ill.conf, "keys"), join(ill.conf, "away"));
    expect(await ill.examine("credentials")).toMatchObject([
      { state: "bad", text: expect.stringContaining("cannot read the credentials file") },
    ]);
    expect(await ill.examine("bucket")).toMatchObject([{ state: "note", text: "not checked: no credentials" }]);
  });

  test("a role that can be assumed is good, and the last backup is found by the index", async () => {
    const bucket = await newBucket(gateway, { lock: true });
    const start = new Date(Date.now() - 4 * 86_400_000).toISOString().replace(/[-:]|\.\d+/g, "");
    await using owner = await patientAt(gateway, { bucket });
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 86_400_000) } as const;
    const opened = await owner.machine.opened();
    for (const name of ["test", "test2"])
      await opened.put(`index/${name}/${start}-00000000.jsonl.zst`, Buffer.from("x"), { retention });
    await opened.put("index/a/20990101T000000Z-00000000.jsonl.zst", Buffer.from("x"), { retention });
    await using well = await patientAt(gateway, { bucket, roleArn: await makeRole(gateway, backupRights(bucket)) });
    const findings = await well.examine();
    const of = (check: string) => findings.filter((finding) => finding.check === check);
    expect(of("role")).toMatchObject([
      { state: "good", text: expect.stringContaining("assumed: arn:aws:iam:::role/") },
    ]);
    expect(of("bucket")).toMatchObject([{ state: "good" }]);
    expect(of("lock")).toMatchObject([{ state: "good" }]);
    expect(of("last backup")).toMatchObject([
      { state: "good", text: expect.stringContaining("4 days ago (by the index") },
    ]);
  });

  test("a missing role is bad, and the bucket is not checked", async () => {
    const bucket = await newBucket(gateway, { lock: true });
    await using ill = await patientAt(gateway, { bucket, roleArn: "arn:aws:iam:::role/none" });
    const findings = await ill.examine();
    const of = (check: string) => findings.filter((finding) => finding.check === check);
    expect(of("role")).toMatchObject([{ state: "bad", text: expect.stringContaining("cannot assume the role") }]);
    expect(of("bucket")).toMatchObject([{ state: "note", text: "not checked: no role" }]);
  });

  const clocks = [
    ["right", 0, "good", "same as the server's"],
    ["a little fast", 2 * minute + 1500, "warning", "2 minutes ahead of the server's"],
    ["slow", -20 * minute, "bad", "behind the server's: S3 refuses requests"],
  ] as const;
  test.each(clocks)("a clock that is %s", async (_name, off, state, words) => {
    await using one = await patientAt(gateway, { bucket: await newBucket(gateway, { lock: true }), now: shifted(off) });
    expect(await one.examine("clock")).toMatchObject([{ state, text: expect.stringContaining(words) }]);
  });
});

describe.skipIf(!moto)("at moto", () => {
  const aws = moto;
  if (aws === undefined) return;

  test("STS reports the user of the credentials, and the role's session", async () => {
    const bucket = await newBucket(aws, { lock: true });
    const roleArn = "arn:aws:iam::123456789012:role/any";
    await using well = await patientAt(aws, { bucket, roleArn });
    expect(await well.examine("credentials")).toMatchObject([
      { state: "good", text: expect.stringMatching(/^of arn:aws:/) },
    ]);
    expect(await well.examine("role")).toMatchObject([
      { state: "good", text: expect.stringContaining(":assumed-role/any/sysbackup-test") },
    ]);
    expect(await well.examine("lock")).toMatchObject([{ state: "good" }]);
  });

  test("a bucket without Object Lock is bad", async () => {
    await using ill = await patientAt(aws, { bucket: await newBucket(aws, { lock: false }) });
    expect(await ill.examine("lock")).toMatchObject([{ state: "bad", text: "the bucket has no Object Lock" }]);
  });
});

test("a role that may not ask for the lock is a warning that names the right", async () => {
  await using ill = await patient();
  const parts = { doing: "read the Object Lock of", why: "access denied", remedy: "allow s3:Get… to the role" };
  const lock = () => Promise.reject(new BucketError("denied", parts));
  expect(await ill.examine("lock", { lock })).toMatchObject([
    { state: "warning", text: "not known: access denied", remedy: "allow s3:Get… to the role" },
  ]);
});

test("without a listener, credentials, bucket and clock say so in a line each", async () => {
  const sections = { s3: { bucket: "s3://test", endpoint: "http://127.0.0.1:9", region: "x" } };
  await using ill = await patient({ sections: { ...sections, aws: { credentials_file: "keys" } } });
  await Bun.write(join(ill.conf, "keys"), "[default]\naws_access_key_id = a\naws_secret_access_key = b\n");
  const findings = await ill.examine();
  const of = (check: string) => findings.filter((finding) => finding.check === check);
  expect(of("credentials")).toMatchObject([{ state: "bad", text: expect.stringContaining("nothing listens there") }]);
  expect(of("bucket")).toMatchObject([{ state: "note", text: "not checked: no credentials" }]);
  expect(of("clock")).toMatchObject([{ state: "note", text: expect.stringContaining("did not answer") }]);
});

test("a folder needs no credentials, and has no other clock", async () => {
  await using well = await patient();
  const findings = await well.examine();
  for (const check of ["key file", "credentials", "role", "bucket", "lock", "clock"])
    expect(findings.filter((finding) => finding.check === check)).toMatchObject([{ state: "good" }]);
});

test("a missing folder is bad", async () => {
  await using ill = await patient();
  await rename(ill.bucket, `${ill.bucket}-away`);
  expect(await ill.examine("bucket")).toMatchObject([{ state: "bad" }]);
  expect(await ill.examine("clock")).toMatchObject([{ state: "good" }]);
});
