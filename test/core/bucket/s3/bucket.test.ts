/** What is special about S3: refusals by the server, delete markers, roles, and connections that break. */
import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { DeleteObjectCommand, PutObjectCommand, PutObjectLegalHoldCommand, S3Client } from "@aws-sdk/client-s3";
import { bucketCredentials, credentialProvider } from "../../../../core/aws/credentials.ts";
import { type Bucket, BucketError } from "../../../../core/bucket/contract.ts";
import { noCounts } from "../../../../core/bucket/decorators/count.ts";
import { openBucket } from "../../../../core/bucket/open.ts";
import { openS3Bucket } from "../../../../core/bucket/s3/bucket.ts";
import type { CredentialProvider } from "../../../../core/bucket/s3/credentials.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { ceph, clientConfig, moto, newBucket } from "../../../support/services.ts";
import { archiveRights, makeRole } from "../ceph-role.ts";
import { openWithKeys } from "../open-with-keys.ts";

const hour = 3_600_000;
const soon = () => ({ mode: "GOVERNANCE", until: new Date(Date.now() + hour) }) as const;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const keys: CredentialProvider = async () => ({ accessKeyId: "AKIDTEST", secretAccessKey: "not-a-secret" });

async function failureOf(run: Promise<unknown>): Promise<BucketError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof BucketError) return error;
  throw new Error(`expected a BucketError, got ${String(error)}`);
}

const open = (endpoint: string, credentials = keys) =>
  openS3Bucket({ bucket: "the-bucket", region: "us-east-1", endpoint, pathStyle: true, credentials });

describe("what a server answers", () => {
  let answer = () => new Response();
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
  afterAll(() => server.stop(true));

  const refusal = (status: number, code: string, message: string) => () =>
    new Response(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`, {
      status,
      headers: { "content-type": "application/xml", date: "Sat, 21 Nov 2026 02:00:03 GMT" },
    });

  const refusals = [
    [
      403,
      "AccessDenied",
      "Access Denied",
      "denied",
      "check that the credentials and role, under [aws] or of the options, allow",
    ],
    [403, "InvalidAccessKeyId", "It does not exist.", "credentials", "the access key is unknown"],
    [403, "SignatureDoesNotMatch", "Check your key.", "credentials", "the secret key is wrong"],
    [400, "ExpiredToken", "The token has expired.", "credentials", "the credentials have expired"],
    [403, "RequestTimeTooSkewed", "Too large.", "other", "set this machine's clock"],
    [404, "NoSuchBucket", "It does not exist.", "no-bucket", 'cannot open the bucket "s3://the-bucket"'],
    [
      400,
      "InvalidRequest",
      "Bucket is missing Object Lock Configuration",
      "no-lock",
      "with Object Lock and versioning",
    ],
    [503, "SlowDown", "Please reduce your request rate.", "busy", "asks for fewer requests"],
    [500, "InternalError", "We encountered an error.", "failing", "an error of its own (500)"],
    [400, "RequestTimeout", "Idle for too long.", "unreachable", "does not answer in time"],
    [400, "BadDigest", "Does not match.", "damaged", "the bytes changed on the way"],
    [403, "QuotaExceeded", "", "full", "the quota is used up"],
    [507, "XMinioStorageFull", "No space.", "full", "no space left"],
    [501, "NotImplemented", "A header is not implemented.", "no-lock", "does not support Object Lock"],
    [400, "SomethingNew", "Nobody knows.", "other", "SomethingNew: Nobody knows"],
  ] as const;
  for (const [status, code, message, kind, words] of refusals) {
    test(`${code} is ${kind}, worded`, async () => {
      answer = refusal(status, code, message);
      const bucket = await open(server.url.origin);
      const failure = await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
      expect(failure.kind).toBe(kind);
      expect(failure.message).toContain(words);
      expect(failure.message).not.toContain("not-a-secret");
    });
  }

  test.each([
    ["a page", () => new Response("<html>Welcome</html>"), '"text/plain;charset=utf-8"'],
    ["a page that is not there", () => new Response("<html>Not found</html>", { status: 404 }), "status 404"],
    [
      "plain text",
      () => new Response("Client sent an HTTP request to an HTTPS server.\n", { status: 400 }),
      "status 400",
    ],
  ])("%s of a web server is not taken for a bucket", async (_, page, how) => {
    answer = page;
    const bucket = await open(server.url.origin);
    const failure = await failureOf(bucket.list("manifests/")[Symbol.asyncIterator]().next());
    expect(failure.kind).toBe("other");
    expect(failure.message).toBe(
      `cannot list "s3://the-bucket/manifests/": "${server.url.origin}" does not answer as S3 does (${how}); check endpoint under [s3]: host, port, and http or https`,
    );
  });

  test("the server's clock is read from refusals too", async () => {
    answer = refusal(403, "AccessDenied", "");
    const bucket = await open(server.url.origin);
    expect(bucket.serverTime()).toBeUndefined();
    await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
    expect(bucket.serverTime()).toEqual(new Date("2026-11-21T02:00:03Z"));
  });

  test("an answer without a version means a bucket without versioning", async () => {
    answer = () => new Response(null, { headers: { etag: '"x"' } });
    const bucket = await open(server.url.origin);
    expect((await failureOf(bucket.put("k", bytes("x"), { retention: soon() }))).kind).toBe("no-lock");
  });

  test("a range answered with fewer bytes is damaged", async () => {
    answer = () =>
      new Response("abc", { status: 206, headers: { "content-range": "bytes 7-9/10", "x-amz-version-id": "v" } });
    const bucket = await open(server.url.origin);
    const read = readAll(bucket.get("k", { version: "v", range: { start: 7, length: 5 } }), 100);
    expect((await failureOf(read)).kind).toBe("damaged");
  });

  test("a denied removal of what nobody locks stays denied", async () => {
    answer = refusal(403, "AccessDenied", "Access Denied");
    const bucket = await open(server.url.origin);
    expect((await failureOf(bucket.remove("k", "v"))).kind).toBe("denied");
  });

  test.each(["NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"])(
    "a version without a lock has none: %s",
    async (code) => {
      answer = refusal(404, code, "");
      expect(await (await open(server.url.origin)).retention("k", "v")).toBeUndefined();
    },
  );

  test("a lock that the role may not see is not taken for none", async () => {
    answer = refusal(403, "AccessDenied", "Access Denied");
    const failure = await failureOf((await open(server.url.origin)).retention("k", "v"));
    expect(failure.kind).toBe("denied");
    expect(failure.message).toContain('cannot look up the lock of "s3://the-bucket/k": access denied');
    expect(failure.message).toContain("s3:GetObjectRetention");
  });

  test("credentials are kept while they last, and asked for again before they expire", async () => {
    answer = () => new Response(null, { headers: { "x-amz-version-id": "v1" } });
    const timesAsked = async (minutes: number) => {
      let asked = 0;
      const bucket = await open(server.url.origin, async () => {
        asked++;
        return { ...(await keys()), expiration: new Date(Date.now() + minutes * 60_000) };
      });
      for (let i = 0; i < 3; i++) await bucket.put("k", bytes("x"), { retention: soon() });
      return asked;
    };
    expect(await timesAsked(60)).toBe(1);
    expect(await timesAsked(2)).toBeGreaterThanOrEqual(3);
  });

  test("credentials that cannot be had are worded", async () => {
    const none = await open(server.url.origin, () => Promise.reject(new Error("Could not load credentials")));
    expect((await failureOf(none.put("k", bytes("x"), { retention: soon() }))).kind).toBe("credentials");
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const away = await open(server.url.origin, () => Promise.reject(refused));
    expect((await failureOf(away.put("k", bytes("x"), { retention: soon() }))).kind).toBe("unreachable");
  });
});

describe("the way to the server", () => {
  test("a port where nothing listens is unreachable, and named", async () => {
    const bucket = await open("http://127.0.0.1:1");
    const failure = await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
    expect(failure.kind).toBe("unreachable");
    expect(failure.message).toContain('cannot reach "http://127.0.0.1:1": nothing listens there');
    expect(failure.message).toContain("endpoint under [s3]");
  });

  test("a host that does not exist is unreachable", async () => {
    const failure = await failureOf((await open("http://nowhere.invalid")).head("k"));
    expect(failure.kind).toBe("unreachable");
  });

  test("a get whose connection is cut goes on where it stopped", async () => {
    const asked: string[] = [];
    const reply = (socket: Socket, request: string) => {
      const range = /\r\nrange: (\S+)/i.exec(request)?.[1] ?? "all";
      asked.push(range);
      const head = "Connection: close\r\nx-amz-version-id: v7\r\nContent-Length:";
      if (range === "all") socket.end(`HTTP/1.1 200 OK\r\n${head} 10\r\n\r\n0123`);
      else socket.end(`HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 4-9/10\r\n${head} 6\r\n\r\n456789`);
    };
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (data) => reply(socket, String(data)));
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const service = { endpoint: `http://127.0.0.1:${address.port}`, region: "x", accessKey: "a", secretKey: "b" };
    const bucket = await openWithKeys(service, "the-bucket");
    try {
      expect((await readAll(bucket.get("k"), 100)).toString()).toBe("0123456789");
      expect(asked).toEqual(["all", "bytes=4-9"]);
    } finally {
      await bucket.close();
      server.close();
    }
  });
});

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
    // A refused removal is followed by a look at the lock.
    expect(requests).toBe(10);
    expect(await logged(at.requestLog, name)).toBe(requests + 2); // and the two that made the bucket
    await bucket.close();
  });

  async function logged(path: string, bucket: string): Promise<number> {
    await Bun.sleep(300);
    return (await Bun.file(path).text()).split("\n").filter((line) => line.includes(`"bucket":"${bucket}"`)).length;
  }
});

test("the default chain without any credentials says what to configure", async () => {
  const script = `
    const { openBucket } = await import(process.argv[1]);
    const tools = { now: () => new Date(), random: () => 0, sleep: async () => undefined, counts: {} };
    const settings = { bucket: "b-b", endpoint: "http://127.0.0.1:1", credentials: { provide: async () => undefined } };
    await (await openBucket(settings, tools)).head("k").catch((error) => console.log(error.kind, error.message));`;
  const module = new URL("../../../../core/bucket/open.ts", import.meta.url).href;
  const env = { PATH: process.env.PATH, HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true" };
  const child = Bun.spawn([process.execPath, "-e", script, module], { env, stdout: "pipe" });
  const said = await new Response(child.stdout).text();
  expect(said).toContain("credentials cannot look up");
  expect(said).toContain("credentials_file");
});

test("a missing credentials file is a matter of credentials", async () => {
  const settings = bucketCredentials({
    profile: "nobody",
    credentialsFile: "/nonexistent/credentials",
    sessionName: "x1",
    now: () => new Date(),
  });
  const tools = { now: () => new Date(), random: () => 0, sleep: async () => undefined, counts: noCounts() };
  const bucket = await openBucket({ bucket: "b-b", endpoint: "http://127.0.0.1:1", credentials: settings }, tools);
  const failure = await failureOf(bucket.put("k", bytes("x"), { retention: soon() }));
  expect(failure.kind).toBe("credentials");
  expect(failure.message).toBe(
    'cannot read the credentials file "/nonexistent/credentials": no such file or directory; create it, or check credentials_file under [aws]',
  );
});
