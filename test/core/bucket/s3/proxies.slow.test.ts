/** Answers of a real service that a proxy loses, repeats, mixes up or alters: what was stored is found, and nothing else is taken for it. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { putStream, readAll } from "../../../../core/bucket/stream.ts";
import { faultProxy } from "../../../support/faults/proxy.ts";
import { ceph, newBucket } from "../../../support/services.ts";
import { failureOf } from "../failure.ts";
import { openWithKeys } from "../open-with-keys.ts";

const hour = 3_600_000;
const retention = () => ({ mode: "GOVERNANCE", until: new Date(Date.now() + hour) }) as const;
const mebibyte = 1024 * 1024;
const xml = (text: string) => new Response(text, { headers: { "content-type": "application/xml" } });

type Alter = (request: Request, forward: () => Promise<Response>) => Promise<Response>;

describe.skipIf(ceph === undefined)("through a proxy that", () => {
  const service = () => ceph ?? Promise.reject(new Error("absent"));

  async function through(alter: Alter, run: (bucket: Bucket, direct: Bucket) => Promise<void>) {
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

  const noSuchUpload = () => new Response("<Error><Code>NoSuchUpload</Code></Error>", { status: 404 });

  /** Loses the end of an upload with the upload itself: at the next attempt, there is none. */
  function losingUpload(): Alter {
    let ended = false;
    return async (request, forward) => {
      if (!isCompletion(request)) return forward();
      if (ended) return noSuchUpload();
      ended = true;
      return new Response(null, { status: 502 });
    };
  }

  /** Two parts. */
  async function* dump() {
    for (let i = 0; i < 9; i++) yield Buffer.alloc(mebibyte, i);
  }

  const names = ["snapshots/a", "snapshots/a b", "snapshots/ü+%20", "snapshots/a/b&c"];
  /** AWS writes slashes in keys as they are, and spaces as a plus. */
  const asAws = async (listing: Response) =>
    new Response((await listing.text()).replaceAll("%2F", "/").replaceAll("%20", "+"), { headers: listing.headers });
  test.each(names)(
    "through a proxy that loses the answer to the end of an upload, the upload is found: %s",
    async (key) => {
      let lost = 0;
      await through(
        async (request, forward) => {
          const answered = await forward();
          if (request.url.includes("versions")) return asAws(answered);
          if (!isCompletion(request) || lost > 0) return answered;
          lost += 1;
          return new Response("<html>Bad gateway</html>", { status: 502, headers: { "content-type": "text/html" } });
        },
        async (bucket, direct) => {
          const stored = await putStream(bucket, key, dump(), { retention: retention() });
          expect(lost).toBe(1);
          const hash = createHash("sha256");
          for await (const piece of direct.get(key, { version: stored.version })) hash.update(piece);
          expect(hash.digest("hex")).toBe(stored.sha256);
          expect((await direct.head(key, stored.version))?.retention?.mode).toBe("GOVERNANCE");
        },
      );
    },
  );

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
    await through(losingUpload(), async (bucket) => {
      const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
      expect(failure.kind).toBe("other");
      expect(failure.message).toContain("the answer was lost; no version of it is there; run again");
    });
  });

  const partsGone = () => new Response("<Error><Code>InvalidPart</Code></Error>", { status: 400 });

  test("through a proxy that loses the answer to the end of an upload, it is found also if the service says then that its parts are unknown", async () => {
    let lost = 0;
    await through(
      async (request, forward) => {
        if (!isCompletion(request)) return forward();
        if (lost > 0) return partsGone();
        lost += 1;
        await forward();
        return new Response(null, { status: 502 });
      },
      async (bucket, direct) => {
        const stored = await putStream(bucket, "snapshots/a", dump(), { retention: retention() });
        expect((await direct.head("snapshots/a", stored.version))?.size).toBe(9 * mebibyte);
      },
    );
  });

  test("through a proxy that loses a part, the message says so", () =>
    through(
      async (request, forward) => (isCompletion(request) ? partsGone() : forward()),
      async (bucket) => {
        const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
        expect(failure.message).toContain("InvalidPart");
      },
    ));

  /** Two parts of as many bytes, with other content. */
  async function* otherDump() {
    for (let i = 0; i < 9; i++) yield Buffer.alloc(mebibyte, i + 1);
  }

  test("through a proxy that loses an upload altogether, an earlier version of the same size and number of parts is not taken for it", async () => {
    await through(losingUpload(), async (bucket, direct) => {
      await putStream(direct, "snapshots/a", otherDump(), { retention: retention() });
      const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
      expect(failure.message).toContain("no version of it is there");
    });
  });

  test("through a proxy that loses the answer to the end of an upload, while another machine stores the same key, ours is found", async () => {
    let lost = 0;
    let storeTwice: (() => Promise<void>) | undefined;
    await through(
      async (request, forward) => {
        const answered = await forward();
        if (!isCompletion(request)) return answered;
        if (lost > 0) return noSuchUpload();
        lost += 1;
        await storeTwice?.();
        return new Response(null, { status: 502 });
      },
      async (bucket, direct) => {
        const others: string[] = [];
        storeTwice = async () => {
          for (const content of [otherDump(), Buffer.alloc(9 * mebibyte)]) {
            const stored = Buffer.isBuffer(content)
              ? await direct.put("snapshots/a", content, { retention: retention() })
              : await putStream(direct, "snapshots/a", content, { retention: retention() });
            others.push(stored.version);
          }
        };
        const { version, sha256 } = await putStream(bucket, "snapshots/a", dump(), { retention: retention() });
        expect(others).toHaveLength(2);
        expect(others).not.toContain(version);
        const hash = createHash("sha256");
        for await (const piece of direct.get("snapshots/a", { version })) hash.update(piece);
        expect(hash.digest("hex")).toBe(sha256);
      },
    );
  });

  const locks: readonly (readonly [name: string, hours: number, until: number])[] = [
    ["a shorter lock is locked for as long as ours was to be", 1, 24],
    ["a longer lock keeps it", 48, 48],
  ];
  test.each(locks)(
    "through a proxy that loses an upload altogether, a version of the same bytes with %s",
    async (_, hours, until) => {
      await through(losingUpload(), async (bucket, direct) => {
        const start = Date.now();
        const lockFor = (length: number) => ({ mode: "GOVERNANCE", until: new Date(start + length * hour) }) as const;
        const earlier = await putStream(direct, "snapshots/a", dump(), { retention: lockFor(hours) });
        const { version } = await putStream(bucket, "snapshots/a", dump(), { retention: lockFor(24) });
        expect(version).toBe(earlier.version);
        const lock = await direct.retention("snapshots/a", version);
        expect(Math.abs((lock?.until.getTime() ?? 0) - start - until * hour)).toBeLessThan(2_000);
      });
    },
  );

  test("through a proxy that repeats the end of an upload by itself, so that its second answer is that there is none, the upload is found", async () => {
    await through(
      async (request, forward) => {
        if (!isCompletion(request)) return forward();
        await forward();
        return noSuchUpload();
      },
      async (bucket, direct) => {
        const stored = await putStream(bucket, "snapshots/a", dump(), { retention: retention() });
        expect((await direct.head("snapshots/a", stored.version))?.size).toBe(9 * mebibyte);
      },
    );
  });

  test("through a proxy that mixes up answers, the end of an upload of another key is not taken for the end of ours", async () => {
    await through(
      async (request, forward) => {
        const answered = await forward();
        if (!isCompletion(request)) return answered;
        const text = (await answered.text()).replace("snapshots/a", "snapshots/b");
        return new Response(text, { status: answered.status, headers: { "x-amz-version-id": "of-b" } });
      },
      async (bucket) => {
        const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
        expect(failure.message).toContain("there is no such object");
      },
    );
  });

  test("through a proxy that answers the end of an upload with an error and status 200, the upload ends all the same", async () => {
    let failures = 0;
    await through(
      async (request, forward) => {
        if (!isCompletion(request) || failures > 0) return forward();
        failures += 1;
        const error = "<Error><Code>InternalError</Code><Message>We encountered an internal error</Message></Error>";
        return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n\n   ${error}`, {
          headers: { "content-type": "application/xml" },
        });
      },
      async (bucket, direct) => {
        const stored = await putStream(bucket, "snapshots/a", dump(), { retention: retention() });
        expect(failures).toBe(1);
        expect((await direct.head("snapshots/a", stored.version))?.size).toBe(9 * mebibyte);
      },
    );
  });

  const oddParts: readonly (readonly [name: string, (answered: Response) => Response, says: string])[] = [
    ["without an ETag", () => new Response(), "no ETag"],
    ["with the ETag of another part", () => new Response(null, { headers: { etag: `"${"0".repeat(32)}"` } }), "store"],
    ["with an error and status 200", () => xml("<Error><Code>AccessDenied</Code></Error>"), "access denied"],
    ["that there is no such upload", () => noSuchUpload(), "store a part"],
  ];
  test.each(oddParts)(
    "through a proxy that answers a part %s, nothing is stored, the upload is aborted, and the message says it",
    async (_, alter, says) => {
      let aborted = 0;
      await through(
        async (request, forward) => {
          if (request.method === "DELETE" && request.url.includes("uploadId=")) aborted += 1;
          const answered = await forward();
          return request.url.includes("partNumber=2") ? alter(answered) : answered;
        },
        async (bucket, direct) => {
          const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
          expect(failure.message).toContain(says);
          expect(failure.message).toContain("snapshots/a");
          expect(aborted).toBe(1);
          expect(await direct.head("snapshots/a")).toBeUndefined();
        },
      );
    },
  );

  test("through a proxy that loses the answer, an object that somebody else put under the same key is not taken for ours", async () => {
    await through(losingUpload(), async (bucket, direct) => {
      await direct.put("snapshots/a", Buffer.alloc(9 * mebibyte), { retention: retention() });
      const failure = await failureOf(putStream(bucket, "snapshots/a", dump(), { retention: retention() }));
      expect(failure.message).toContain("no version of it is there");
    });
  });
});
