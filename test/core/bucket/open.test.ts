import { afterEach, describe, expect, test } from "bun:test";
import { bucketCredentials } from "../../../core/aws/credentials.ts";
import { noCounts } from "../../../core/bucket/decorators/count.ts";
import { type BucketSettings, openBucket } from "../../../core/bucket/open.ts";
import { ceph, newBucket } from "../../support/services.ts";
import { scratch } from "./scratch.ts";

const now = () => new Date("2026-11-21T00:00:00Z");
const tools = () => ({ now, random: () => 0, sleep: async () => undefined, counts: noCounts() });
const open = (bucket: string, more: Partial<BucketSettings> = {}) =>
  openBucket({ bucket, credentials: bucketCredentials({ sessionName: "host", now }), ...more }, tools());

test("a file URL opens a directory, and its requests are counted", async () => {
  await using root = await scratch();
  const given = tools();
  const settings = { bucket: `file://${root.path}`, credentials: bucketCredentials({ sessionName: "host", now }) };
  const bucket = await openBucket(settings, given);
  expect(bucket.url).toBe(`file://${root.path}`);
  await bucket.put("a", Buffer.from("x"), { retention: { mode: "GOVERNANCE", until: new Date("2026-12-01") } });
  expect(given.counts).toMatchObject({ put: 1, sent: 1 });
});

describe("names", () => {
  for (const name of ["my-bucket", "s3://my-bucket", "s3://my-bucket/"]) {
    test(`${name} is an S3 bucket`, async () => {
      const bucket = await open(name);
      expect(bucket.url).toBe("s3://my-bucket");
      await bucket.close();
    });
  }

  for (const name of [
    "",
    "/srv/backups",
    "s3://",
    "s3://a/b",
    "https://host/bucket",
    "file:relative",
    "file://host/x",
  ]) {
    test(`${JSON.stringify(name)} is refused as usage, with what to write`, async () => {
      const error = await open(name).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ exit: 2, message: expect.stringMatching(/; write .*file:\/\//) });
    });
  }
});

test("a directory bucket loads no code of AWS", async () => {
  await using root = await scratch();
  const script = `
    const { openBucket } = await import(process.argv[1]);
    const tools = { now: () => new Date(), random: () => 0, sleep: async () => undefined, counts: {} };
    await openBucket({ bucket: process.argv[2], credentials: { provide: async () => undefined } }, tools);
    const loaded = Object.keys(require.cache);
    console.log(loaded.some((path) => path.includes("core/bucket/open.ts")), loaded.some((path) => path.includes("@aws-sdk")));`;
  const module = new URL("../../../core/bucket/open.ts", import.meta.url).pathname;
  const child = Bun.spawn([process.execPath, "-e", script, module, `file://${root.path}`], {
    stdout: "pipe",
    env: process.env,
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("true false");
});

describe.skipIf(ceph === undefined)("a service that the environment names", () => {
  const names = ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] as const;
  const before = names.map((name) => [name, process.env[name]] as const);
  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  test("a service that the environment names forgets the lock of an upload no more than one that conf names", async () => {
    if (ceph === undefined) return;
    process.env.AWS_ENDPOINT_URL = ceph.endpoint;
    process.env.AWS_ACCESS_KEY_ID = ceph.accessKey;
    process.env.AWS_SECRET_ACCESS_KEY = ceph.secretKey;
    const bucket = await open(await newBucket(ceph, { lock: true }), { region: ceph.region, pathStyle: true });
    const until = new Date(Date.now() + 3_600_000);
    const upload = await bucket.startUpload("a", { retention: { mode: "GOVERNANCE", until } });
    await upload.part(1, Buffer.from("x"));
    const { version } = await upload.complete();
    expect((await bucket.retention("a", version))?.mode).toBe("GOVERNANCE");
    await bucket.close();
  });
});
