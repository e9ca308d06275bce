/** Answers that are not those of S3, or not to what was asked: each is refused, and the message says what came. */

import { afterAll, describe, expect, test } from "bun:test";
import type { BucketError } from "../../../../core/bucket/contract.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { failureOf } from "../failure.ts";
import { calls, openAt } from "./hostile.ts";

let answer = (_: Request): Response => new Response();
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(request) });
afterAll(() => server.stop(true));

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
