/** What a bucket makes of a server's answers, and of having no credentials. */

import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { bucketCredentials } from "../../../../core/aws/credentials.ts";
import { noCounts } from "../../../../core/bucket/decorators/count.ts";
import { openBucket } from "../../../../core/bucket/open.ts";
import { openS3Bucket } from "../../../../core/bucket/s3/bucket.ts";
import type { CredentialProvider } from "../../../../core/bucket/s3/credentials.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { failureOf } from "../failure.ts";
import { openWithKeys } from "../open-with-keys.ts";

const hour = 3_600_000;
const soon = () => ({ mode: "GOVERNANCE", until: new Date(Date.now() + hour) }) as const;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const keys: CredentialProvider = async () => ({ accessKeyId: "AKIDTEST", secretAccessKey: "not-a-secret" });
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
