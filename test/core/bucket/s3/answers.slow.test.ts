/** Answers that are not those of S3, or not to what was asked: each is refused, and the message says what came. */

import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Bucket, BucketError } from "../../../../core/bucket/contract.ts";
import { putStream, readAll } from "../../../../core/bucket/stream.ts";
import { faultProxy } from "../../../support/faults/proxy.ts";
import { ceph, newBucket } from "../../../support/services.ts";
import { failureOf } from "../failure.ts";
import { openWithKeys } from "../open-with-keys.ts";
import { calls, openAt } from "./hostile.ts";

let answer = (_: Request): Response => new Response();
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(request) });
afterAll(() => server.stop(true));

const hour = 3_600_000;
const retention = () => ({ mode: "GOVERNANCE", until: new Date(Date.now() + hour) }) as const;
const mebibyte = 1024 * 1024;

const html = { headers: { "content-type": "text/html; charset=utf-8" } };
const page = "<!DOCTYPE html><html><body>Please sign in</body></html>";
const xml = (text: string) => new Response(text, { headers: { "content-type": "application/xml" } });

describe("an answer with status 200 is refused and named:", () => {
  const pages: readonly (readonly [name: string, make: () => Response, how: string])[] = [
    ["a web page", () => new Response(page, html), "a web page with status 200"],
    ["a web page that says to be XML", () => xml(page), '"application/xml"'],
    ["JSON", () => Response.json({ error: "sign in" }), '"application/json;charset=utf-8"'],
    ["plain text", () => new Response("It works!"), '"text/plain;charset=utf-8"'],
    ["XML of something else", () => xml("<feed><entry/></feed>"), '"application/xml"'],
  ];
  /** Calls whose answers are not looked into: a HEAD has only a type, and content is whatever somebody stored. */
  const opaque: readonly (string | undefined)[] = ["head", "get", "range"];
  for (const [name, make, how] of pages) {
    for (const [call, run] of Object.entries(calls)) {
      if (opaque.includes(call) && how !== "a web page with status 200") continue;
      test(`${name}, to ${call}`, async () => {
        answer = make;
        const failure = await failureOf(run(await openAt(server.url.origin)));
        expect(failure.kind).toBe("other");
        expect(failure.message).toContain(`"${server.url.origin}" does not answer as S3 does (${how}); check endpoint`);
      });
    }
  }

  test("an answer with status 200 is refused and named: nothing at all, to a put", async () => {
    answer = () => new Response();
    expect(await failureOf(calls.put?.(await openAt(server.url.origin)))).toMatchObject({ kind: "other" });
  });

  test("an upload without an id", async () => {
    answer = () => xml("<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>");
    const failure = await failureOf(calls.startUpload?.(await openAt(server.url.origin)));
    expect(failure.message).toContain("an upload without an id");
  });

  test.each([
    ["half a lock", "<Retention><Mode>GOVERNANCE</Mode></Retention>"],
    ["a lock until no date", "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate></Retention>"],
    [
      "a lock of no known mode",
      "<Retention><Mode>X</Mode><RetainUntilDate>2036-01-01T00:00:00Z</RetainUntilDate></Retention>",
    ],
  ])("an answer with status 200 is refused and named: %s", async (_, text) => {
    answer = () => xml(text);
    expect(await failureOf(calls.retention?.(await openAt(server.url.origin)))).toMatchObject({ kind: "other" });
  });
});

test.each([302, 307, 404, 407, 418])("a web page with status %d is refused and named", async (status) => {
  answer = () => new Response(page, { ...html, status });
  for (const call of ["put", "list", "head", "get", "extend"]) {
    const failure = await failureOf(calls[call]?.(await openAt(server.url.origin)));
    expect(failure.kind).toBe("other");
    expect(failure.message).toContain(`a web page with status ${status}`);
  }
});

test.each([502, 503, 504])("the page of a proxy whose server is away (%d) is a matter of time", async (status) => {
  answer = () => new Response(page, { ...html, status });
  for (const call of ["put", "list", "head", "get"]) {
    expect((await failureOf(calls[call]?.(await openAt(server.url.origin)))).kind).toBe("busy");
  }
});

describe("an error with status 200 is that error:", () => {
  test.each([
    ["AccessDenied", "denied"],
    ["NoSuchBucket", "no-bucket"],
    ["SlowDown", "busy"],
    ["InternalError", "failing"],
  ])("an error with status 200 is that error: %s", async (code, kind) => {
    answer = () => xml(`<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>x</Message></Error>`);
    for (const call of ["put", "extend", "list", "startUpload"]) {
      expect((await failureOf(calls[call]?.(await openAt(server.url.origin)))).kind).toBe(kind as BucketError["kind"]);
    }
  });
});

test("a refusal without a body is named by its status", async () => {
  answer = () => new Response("", { status: 410 });
  const { message } = await failureOf(calls.head?.(await openAt(server.url.origin)));
  expect(message).toEndWith(": the server answers with status 410");
});

test("a refusal in JSON is one, without words of ours about its form", async () => {
  answer = () => Response.json({ code: "AccessDenied" }, { status: 403 });
  const { kind, message } = await failureOf(calls.list?.(await openAt(server.url.origin)));
  expect(kind).toBe("denied");
  expect(message).toContain(": access denied; check");
});

describe("another request for the same is a matter of time", () => {
  test.each(["OperationAborted", "ConditionalRequestConflict"])(
    "another request for the same is a matter of time, but for what a lock may refuse: %s",
    async (code) => {
      answer = () => new Response(`<Error><Code>${code}</Code><Message>x</Message></Error>`, { status: 409 });
      const kindOf = async (call: string) => (await failureOf(calls[call]?.(await openAt(server.url.origin)))).kind;
      for (const call of ["put", "list", "startUpload"]) expect(await kindOf(call)).toBe("busy");
      for (const call of ["extend", "remove"]) expect(await kindOf(call)).toBe("other");
    },
  );
});

describe("a put is refused if its version would be refused by readers:", () => {
  const put = async (version: string) => {
    answer = () => new Response(null, { headers: { etag: '"x"', "x-amz-version-id": version } });
    return calls.put?.(await openAt(server.url.origin));
  };

  test.each([
    ["too long", "a".repeat(257)],
    ["with a space in it", "a b"],
    ["empty", ""],
  ])("a put is refused if its version is %s", async (_, version) => {
    expect((await failureOf(put(version))).message).toContain("a version that is none");
  });

  test("a version of 256 characters is accepted", async () => {
    expect(await put("a".repeat(256))).toMatchObject({ version: "a".repeat(256) });
  });
});

test("a message of a server is cut off", async () => {
  const text = `<Error><Code>AccessDenied</Code><Message>${"a".repeat(60_000)}</Message></Error>`;
  answer = () => new Response(text, { status: 403 });
  expect((await failureOf(calls.list?.(await openAt(server.url.origin)))).message.length).toBeLessThan(1000);
});

describe("a get is refused if it is answered with", () => {
  const found = (headers: Record<string, string>, status = 206) =>
    new Response("0123456789", { status, headers: { etag: '"x"', "x-amz-version-id": "v", ...headers } });
  const range = { start: 10, length: 10 };
  const cases: readonly (readonly [name: string, make: () => Response, how: string])[] = [
    ["another version", () => found({ "content-range": "bytes 10-19/90", "x-amz-version-id": "w" }), "another version"],
    ["another part", () => found({ "content-range": "bytes 0-9/90" }), "another part of it"],
    ["the whole object", () => found({}, 200), "the whole object instead of a part"],
    ["a range that makes no sense", () => found({ "content-range": "lines 1-9" }), "a range that makes no sense"],
    ["a range of an endless number", () => found({ "content-range": `bytes 10-${"9".repeat(400)}/90` }), "no sense"],
    ["two lengths", () => found({ "content-range": "bytes 10-18/90" }), "it has 9"],
  ];
  test.each(cases)("a get is refused if it is answered with: %s", async (_, make, how) => {
    answer = make;
    const bucket = await openAt(server.url.origin);
    expect((await failureOf(readAll(bucket.get("k", { version: "v", range }), 100))).message).toContain(how);
  });

  test("the benign twin is read", async () => {
    answer = () => found({ "content-range": "bytes 10-19/90" });
    const bucket = await openAt(server.url.origin);
    expect(String(await readAll(bucket.get("k", { version: "v", range }), 100))).toBe("0123456789");
  });

  test("the whole object, if that is what the range is", async () => {
    answer = () => found({}, 200);
    const bucket = await openAt(server.url.origin);
    const all = { start: 0, length: 10 };
    expect(String(await readAll(bucket.get("k", { version: "v", range: all }), 100))).toBe("0123456789");
  });

  test("a HEAD is refused if it is about another version", async () => {
    answer = () => found({ "x-amz-version-id": "w" }, 200);
    expect((await failureOf((await openAt(server.url.origin)).head("k", "v"))).message).toContain("another version");
  });
});

describe.skipIf(ceph === undefined)("through a proxy that", () => {
  const service = () => ceph ?? Promise.reject(new Error("absent"));

  async function through(
    alter: (request: Request, forward: () => Promise<Response>) => Promise<Response>,
    run: (bucket: Bucket, direct: Bucket) => Promise<void>,
  ) {
    const at = await service();
    const name = await newBucket(at, { lock: true });
    using proxy = faultProxy(at.endpoint, alter);
    const [bucket, direct] = [
      await openWithKeys({ ...at, endpoint: proxy.endpoint }, name),
      await openWithKeys(at, name),
    ];
    try {
      await run(bucket, direct);
    } finally {
      await bucket.close();
      await direct.close();
    }
  }

  /** As Bun's server does with a stream. */
  const chunked = (response: Response) => {
    const headers = new Headers(response.headers);
    headers.delete("content-length");
    const { body, status } = response;
    return new Response(body?.pipeThrough(new TransformStream()) ?? null, { status, headers });
  };

  test("through a proxy that sends bodies without a length, an object is read whole and in part", () =>
    through(
      async (request, forward) => (request.method === "GET" ? chunked(await forward()) : forward()),
      async (bucket) => {
        const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
        const { version } = await bucket.put("k", body, { retention: retention() });
        const reported: unknown[] = [];
        const onStart = (object: unknown) => void reported.push(object);
        expect((await readAll(bucket.get("k", { version, onStart }), mebibyte)).equals(body)).toBe(true);
        const range = { start: 1000, length: 200_000 };
        expect(
          (await readAll(bucket.get("k", { range, onStart }), mebibyte)).equals(body.subarray(1000, 201_000)),
        ).toBe(true);
        expect(reported).toEqual([
          { key: "k", version, size: body.length },
          { key: "k", version, size: body.length },
        ]);
        const empty = await bucket.put("e", Buffer.alloc(0), { retention: retention() });
        expect((await readAll(bucket.get("e", empty), 10)).length).toBe(0);
      },
    ));

  const isCompletion = ({ method, url }: Request) => method === "POST" && url.includes("uploadId=");

  /** Two parts. */
  async function* dump() {
    for (let i = 0; i < 9; i++) yield Buffer.alloc(mebibyte, i);
  }

  test("through a proxy that loses the answer to the end of an upload, the upload is found", async () => {
    let lost = 0;
    await through(
      async (request, forward) => {
        const answered = await forward();
        if (!isCompletion(request) || lost > 0) return answered;
        lost += 1;
        return new Response("<html>Bad gateway</html>", { status: 502, headers: { "content-type": "text/html" } });
      },
      async (bucket, direct) => {
        const stored = await putStream(bucket, "snapshots/a", dump(), { retention: retention() });
        expect(lost).toBe(1);
        const hash = createHash("sha256");
        for await (const piece of direct.get("snapshots/a", { version: stored.version })) hash.update(piece);
        expect(hash.digest("hex")).toBe(stored.sha256);
        expect((await direct.head("snapshots/a", stored.version))?.retention?.mode).toBe("GOVERNANCE");
      },
    );
  });

  test("through a proxy that loses the end of an upload, the upload ends all the same", async () => {
    let lost = 0;
    await through(
      async (request, forward) =>
        isCompletion(request) && lost++ === 0 ? new Response(null, { status: 502 }) : forward(),
      async (bucket, direct) => {
        const stored = await putStream(bucket, "snapshots/a", dump(), { retention: retention() });
        expect(lost).toBe(2);
        expect((await direct.head("snapshots/a", stored.version))?.size).toBe(9 * mebibyte);
      },
    );
  });

  test("through a proxy that loses an upload altogether, the message says so", async () => {
    let ended = false;
    await through(
      async (request, forward) => {
        if (!isCompletion(request)) return forward();
        if (ended) return new Response("<Error><Code>NoSuchUpload</Code></Error>", { status: 404 });
        ended = true;
        return new Response(null, { status: 502 });
      },
      async (bucket) => {
        const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
        expect(failure.kind).toBe("other");
        expect(failure.message).toContain("the answer was lost; no version of it is there; run again");
      },
    );
  });

  test("through a proxy that loses the answer, an object that somebody else put under the same key is not taken for ours", async () => {
    let ended = false;
    await through(
      async (request, forward) => {
        if (!isCompletion(request)) return forward();
        if (ended) return new Response("<Error><Code>NoSuchUpload</Code></Error>", { status: 404 });
        ended = true;
        return new Response(null, { status: 502 });
      },
      async (bucket, direct) => {
        await direct.put("snapshots/a", Buffer.alloc(9 * mebibyte), { retention: retention() });
        const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
        expect(failure.message).toContain("no version of it is there");
      },
    );
  });
});
