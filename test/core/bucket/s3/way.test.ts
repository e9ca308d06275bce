/** Proxies and authorities that the environment names. */

import { afterEach, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { createServer as createHttp, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { selfSigned } from "../../../support/certificates.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { failureOf } from "../failure.ts";
import { calls, openAt } from "./hostile.ts";

const names = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "AWS_CA_BUNDLE"] as const;
const before = names.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

const listing = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A proxy that answers plain requests itself and makes tunnels, and what it was asked for. */
async function proxy() {
  const asked: string[] = [];
  const server = createHttp(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.setHeader("content-type", "application/xml").end(listing);
  });
  server.on("connect", ({ url = "", headers }, socket) => {
    asked.push(`CONNECT ${url} ${headers["proxy-authorization"] ?? ""}`.trim());
    const [, port] = url.split(":");
    const up = connect(Number(port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      up.pipe(socket).pipe(up);
    });
    for (const end of [up, socket]) end.on("error", () => end.destroy());
  });
  const port = await listening(server);
  return { asked, port, [Symbol.dispose]: () => void server.close() };
}

/** A server with TLS for localhost, and the file of its authority. */
async function secure(host: string) {
  const folder = await scratch();
  const { key, cert } = await selfSigned(host);
  const bundle = join(folder.path, "bundle.pem");
  await writeFile(bundle, cert);
  const bodies: number[] = [];
  const server = createHttps({ key, cert }, async (request, response) => {
    let size = 0;
    for await (const piece of request) size += piece.length;
    bodies.push(size);
    response.setHeader("x-amz-version-id", "v").setHeader("content-type", "application/xml");
    response.end(request.method === "GET" ? listing : "");
  });
  const port = await listening(server);
  return {
    bundle,
    bodies,
    port,
    async [Symbol.asyncDispose]() {
      server.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const list = async (endpoint: string) => calls.list?.(await openAt(endpoint));

describe("a proxy", () => {
  test("a proxy of HTTP_PROXY gets plain requests, but for hosts of NO_PROXY", async () => {
    using way = await proxy();
    process.env.HTTP_PROXY = `http://127.0.0.1:${way.port}`;
    await list("http://storage.example.org:9000");
    expect(way.asked).toEqual([expect.stringMatching(/^GET http:\/\/storage\.example\.org:9000\/the-bucket/)]);
    process.env.NO_PROXY = ".example.org,localhost";
    expect((await failureOf(list("http://storage.example.org:9000"))).kind).toBe("unreachable");
    expect(way.asked).toHaveLength(1);
  });

  test("a proxy of HTTPS_PROXY makes tunnels, with the name and password of its URL, in which bodies pass whole", async () => {
    using way = await proxy();
    await using server = await secure("localhost");
    process.env.HTTPS_PROXY = `http://user:word@127.0.0.1:${way.port}`;
    process.env.AWS_CA_BUNDLE = server.bundle;
    const bucket = await openAt(`https://localhost:${server.port}`);
    await calls.list?.(bucket);
    await calls["large put"]?.(bucket);
    const tunnel = `CONNECT localhost:${server.port} Basic ${Buffer.from("user:word").toString("base64")}`;
    expect(new Set(way.asked)).toEqual(new Set([tunnel]));
    expect(server.bodies).toEqual([0, 32 * 1024 * 1024]);
  });

  test("a proxy that nobody listens on is named as what to check", async () => {
    process.env.HTTPS_PROXY = "http://127.0.0.1:1";
    expect((await failureOf(list("https://storage.example.org"))).message).toEndWith(
      "check the network and the proxy (HTTPS_PROXY, HTTP_PROXY), and endpoint under [s3]",
    );
  });

  test("a proxy of an unknown kind is refused, without its password", async () => {
    process.env.ALL_PROXY = "socks5://user:word@127.0.0.1:1080";
    const { message } = await failureOf(list("https://storage.example.org"));
    expect(message).toContain("check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY");
    expect(message).not.toContain("word");
  });
});

describe("AWS_CA_BUNDLE", () => {
  test("the certificates of AWS_CA_BUNDLE are trusted, and without them the server is not", async () => {
    await using server = await secure("localhost");
    const endpoint = `https://localhost:${server.port}`;
    expect((await failureOf(list(endpoint))).message).toContain("is not trusted");
    process.env.AWS_CA_BUNDLE = server.bundle;
    await list(endpoint);
    expect(server.bodies).toEqual([0]);
  });

  test("a certificate for another host is reported as one, though its authority is trusted", async () => {
    await using server = await secure("storage.example.org");
    process.env.AWS_CA_BUNDLE = server.bundle;
    const { message } = await failureOf(list(`https://localhost:${server.port}`));
    expect(message).toContain("is for another host name");
  });

  test("a file that is not there is named", async () => {
    process.env.AWS_CA_BUNDLE = "/nowhere/bundle.pem";
    const { message } = await failureOf(list("https://localhost:1"));
    expect(message).toBe(
      'cannot read the certificates in "/nowhere/bundle.pem": no such file or directory; check AWS_CA_BUNDLE',
    );
  });
});
