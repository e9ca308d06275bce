/** Services that have no Object Lock, no STS or another protocol: what is said of them, at once. */

import { afterAll, describe, expect, test } from "bun:test";
import { createServer } from "node:https";
import { callerIdentity } from "../../../../core/aws/identity.ts";
import { s3Error } from "../../../../core/bucket/s3/errors.ts";
import { selfSigned } from "../../../support/certificates.ts";
import { failureOf } from "../failure.ts";
import { calls, openAt } from "./hostile.ts";

let answer = (): Response => new Response();
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => answer() });
afterAll(() => server.stop(true));

const xml = { "content-type": "application/xml" };
const refusal = (status: number, code: string) =>
  new Response(`<Error><Code>${code}</Code><Message>A header you provided is not known</Message></Error>`, {
    status,
    headers: xml,
  });

describe("a service without Object Lock", () => {
  test.each([
    [501, "NotImplemented"],
    [405, "MethodNotAllowed"],
    [400, "NotSupported"],
  ])("a service without Object Lock is named as one: %d %s", async (status, code) => {
    answer = () => refusal(status, code);
    for (const call of ["put", "extend"]) {
      const { kind, message } = await failureOf(calls[call]?.(await openAt(server.url.origin)));
      expect([kind, message]).toEqual([
        "no-lock",
        expect.stringContaining(`does not support Object Lock (${code}: A header`),
      ]);
    }
  });

  test("a read that such a service does not know says nothing of Object Lock", async () => {
    answer = () => refusal(501, "NotImplemented");
    expect((await failureOf(calls.get?.(await openAt(server.url.origin)))).message).not.toContain("Object Lock");
  });
});

describe("a request that a server does not allow", () => {
  test.each(["remove", "listVersions", "list", "startUpload", "put"])(
    "a request that a server does not allow is not taken for one about a delete marker: %s",
    async (call) => {
      answer = () => refusal(405, "MethodNotAllowed");
      const { kind, message } = await failureOf(calls[call]?.(await openAt(server.url.origin)));
      expect(kind).not.toBe("missing");
      expect(message).toMatch(/does not (allow this request|support Object Lock) \(MethodNotAllowed: A header/);
    },
  );

  test("a read that S3 does not allow is one of a delete marker", async () => {
    answer = () => refusal(405, "MethodNotAllowed");
    const bucket = await openAt(server.url.origin);
    expect(await failureOf(calls.get?.(bucket))).toMatchObject({ kind: "missing" });
    expect(await bucket.head("k", "v")).toBeUndefined();
  });
});

describe("a service without STS", () => {
  const keys = async () => ({ accessKeyId: "AKIDTEST", secretAccessKey: "not-a-secret" });
  const caller = () => callerIdentity(keys, { region: "us-east-1", endpoint: server.url.origin });

  test.each([400, 403, 404, 405, 501])(
    "a service without STS that answers %d does not say whose the keys are",
    async (status) => {
      answer = () => refusal(status, "AccessDenied");
      expect(await caller()).toBeUndefined();
    },
  );

  test("keys that a service with STS does not know are refused", async () => {
    const error = "<Error><Code>InvalidClientTokenId</Code><Message>unknown</Message></Error>";
    answer = () => new Response(`<ErrorResponse>${error}</ErrorResponse>`, { status: 403, headers: xml });
    expect(await failureOf(caller())).toMatchObject({ kind: "credentials" });
  });
});

describe("TLS", () => {
  test("plain HTTP to a port that speaks TLS is reported at once", async () => {
    const { key, cert } = await selfSigned("localhost");
    const secure = createServer({ key, cert }, (_, response) => response.end());
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    const address = secure.address();
    const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
    try {
      const { kind, message } = await failureOf(calls.list?.(await openAt(endpoint)));
      expect(kind).toBe("other");
      expect(message).toEndWith(
        `"${endpoint}" speaks TLS, and plain HTTP was tried; write https:// in endpoint under [s3]`,
      );
    } finally {
      secure.close();
    }
  });

  test("a server that cuts connections and speaks no TLS is not taken for one that does", async () => {
    using cutting = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void socket.end() } });
    const { kind } = await failureOf(calls.list?.(await openAt(`http://127.0.0.1:${cutting.port}`)));
    expect(kind).toBe("unreachable");
  });

  test.each([
    [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "is for another host name",
      "check the host in endpoint under [s3], or get a certificate for it",
    ],
    ["CERT_HAS_EXPIRED", "has expired", "renew it there, and check this machine's clock (timedatectl)"],
    ["CERT_NOT_YET_VALID", "is not valid yet", "set this machine's clock (timedatectl)"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "is not trusted", "give the file of its authority in AWS_CA_BUNDLE"],
  ])("a certificate is reported by what is wrong with it: %s", (code, why, remedy) => {
    const attempt = { doing: "list", what: "s3://b/", bucket: "b", endpoint: "https://s3.example.org" };
    const error = s3Error(Object.assign(new Error("no good"), { code }), attempt);
    expect(error.message).toBe(
      `cannot list "s3://b/": the certificate of "https://s3.example.org" ${why}: no good; ${remedy}`,
    );
  });
});
