import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bucket, BucketError } from "../../../../core/bucket/contract.ts";
import { atOnce } from "../../../../core/bucket/decorators/at-once.ts";
import { RateLimit, type RateTools } from "../../../../core/bucket/decorators/rate-limit.ts";
import { retry } from "../../../../core/bucket/decorators/retry.ts";
import { throttle } from "../../../../core/bucket/decorators/throttle.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { liar } from "../../../support/faults/liar.ts";
import { conformance } from "../conformance.ts";
import { faulty } from "../faults.ts";
import { openAt, shortBounds } from "../s3/hostile.ts";
import { scratch } from "../scratch.ts";

const kibibyte = 1024;
const slice = 64 * kibibyte;
const retention = { mode: "GOVERNANCE", until: new Date("2036-01-01T00:00:00Z") } as const;

const slow = (bucket: Bucket, tools: RateTools, rate = slice): Bucket => {
  const limit = () => new RateLimit([{ minute: 0, rate }], tools);
  return throttle(bucket, { upload: limit(), download: limit() });
};

conformance({
  name: "directory, throttled, one request at a time",
  absent: false,
  async open() {
    const root = await mkdtemp(join(tmpdir(), "sysbackup-bucket-"));
    let clock = new Date("2026-11-21T02:00:03Z");
    const now = () => clock;
    const tools = { now, sleep: async () => undefined };
    const open = async (path: string) =>
      slow(atOnce(await openDirectoryBucket(path, { now, random: Math.random }), 1), tools);
    return {
      bucket: await open(root),
      openMissing: () => open(join(root, "nowhere")),
      now,
      until: async (date) => {
        clock = date;
      },
      close: () => rm(root, { recursive: true }),
    };
  },
  differs: {
    "a key may be the beginning of another": "a file is no folder",
  },
});

/** A directory bucket whose time moves only when it is slept through. */
async function rigged(path: string, wrap = (bucket: Bucket) => bucket) {
  const start = new Date("2026-11-21T02:00:03Z").getTime();
  let time = start;
  const now = () => new Date(time);
  const sleep = async (milliseconds: number) => {
    const end = time + milliseconds;
    await Bun.sleep(0);
    time = Math.max(time, end);
  };
  const inner = wrap(await openDirectoryBucket(path, { now, random: Math.random }));
  const tools = { now, sleep, random: () => 0 };
  return { inner, tools, seconds: () => (time - start) / 1000 };
}

describe("in a directory, at 64 KiB a second,", () => {
  const body = Buffer.alloc(20 * slice, "x");

  test("a put, an upload in parts and a get each take the time of their bytes", async () => {
    await using root = await scratch();
    const { inner, tools, seconds } = await rigged(root.path);
    const bucket = slow(inner, tools);
    await bucket.put("a", body, { retention });
    expect(seconds()).toBeGreaterThan(19);
    expect(seconds()).toBeLessThan(21);
    const upload = await bucket.startUpload("b", { retention });
    // The second comes first, and is kept apart.
    await upload.part(2, body);
    await upload.part(1, Buffer.alloc(5 * kibibyte ** 2, "y"));
    await upload.complete();
    expect(seconds()).toBeGreaterThan(20 + 20 + 80 - 2);
    expect(seconds()).toBeLessThan(20 + 20 + 80 + 2);
    const before = seconds();
    expect(Buffer.compare(await readAll(bucket.get("a"), body.length), body)).toBe(0);
    expect(seconds() - before).toBeGreaterThan(19);
    expect(seconds() - before).toBeLessThan(21);
    expect(await inner.head("b")).toMatchObject({ size: body.length + 5 * kibibyte ** 2 });
  });

  test("the user's wish to stop ends a put with its reason, and nothing is stored", async () => {
    await using root = await scratch();
    const { inner, tools } = await rigged(root.path);
    const reason = new Error("stopped by the test");
    let slept = 0;
    const sleep = (milliseconds: number) => (++slept > 3 ? Promise.reject(reason) : tools.sleep(milliseconds));
    const bucket = slow(retry(inner, { ...tools, sleep }), { now: tools.now, sleep });
    expect(await bucket.put("a", body, { retention }).catch((error: unknown) => error)).toBe(reason);
    expect(await inner.head("a")).toBeUndefined();
    expect(slept).toBe(4);
  });
});

test("time that a put waits for its own limit does not use up the time for further attempts", async () => {
  await using root = await scratch();
  const script = [
    { call: "put", lostAnswer: true },
    { call: "put", lostAnswer: true },
    { call: "put", lostAnswer: true },
  ] as const;
  const { inner, tools, seconds } = await rigged(root.path);
  const faults = faulty(inner, script);
  const bucket = slow(retry(faults.bucket, tools), tools);
  // Each attempt takes five minutes: longer than an unreachable server is waited for.
  const { size } = await bucket.put("a", Buffer.alloc(300 * slice), { retention });
  expect(size).toBe(300 * slice);
  expect(seconds()).toBeGreaterThan(4 * 299);
  expect(faults.unused).toEqual([]);
});

test("time that a get's reader takes does not use up the time for further attempts", async () => {
  await using root = await scratch();
  const { inner, tools, seconds } = await rigged(root.path);
  await inner.put("a", Buffer.alloc(3 * kibibyte ** 2), { retention });
  const faults = faulty(inner, [
    { call: "get", after: 1 },
    { call: "get", after: 1 },
  ]);
  const bucket = retry(faults.bucket, tools);
  let received = 0;
  for await (const piece of bucket.get("a")) {
    received += piece.byteLength;
    await tools.sleep(600_000);
  }
  expect(received).toBe(3 * kibibyte ** 2);
  expect(seconds()).toBeGreaterThan(1800);
  expect(faults.unused).toEqual([]);
});

describe("to a server,", () => {
  /** Reads all that is put, and answers. `received` is how many bytes have come. */
  function reader() {
    let received = 0;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch({ body }) {
        for await (const piece of body ?? []) received += piece.byteLength;
        return new Response(null, { headers: { etag: '"x"', "x-amz-version-id": "v" } });
      },
    });
    return {
      endpoint: server.url.origin,
      received: () => received,
      [Symbol.asyncDispose]: () => server.stop(true),
    };
  }

  test("a put that waits for its own pace, longer than a server may be silent, is not the server's fault", async () => {
    await using server = reader();
    const bucket = await openAt(server.endpoint, { bounds: { ...shortBounds, silence: 4_000 } });
    const began = performance.now();
    let slices = 0;
    const pace = async () => {
      slices += 1;
      if (slices === 2) await Bun.sleep(5_000);
    };
    expect(await bucket.put("k", Buffer.alloc(3 * slice), { retention, pace })).toMatchObject({ version: "v" });
    expect(slices).toBe(3);
    expect(performance.now() - began).toBeGreaterThan(4_500);
  });

  test("a server that reads nothing is given up although the put is limited", async () => {
    await using server = await liar((socket) => socket.pause());
    const bucket = await openAt(server.endpoint, { bounds: shortBounds });
    const pace = async () => undefined;
    const error = await bucket.put("k", Buffer.alloc(32 * kibibyte ** 2), { retention, pace }).catch((it) => it);
    expect(error).toBeInstanceOf(BucketError);
    expect(error).toMatchObject({ kind: "unreachable" });
  });

  test("slices leave one by one, not all at the end", async () => {
    await using server = reader();
    const bucket = await openAt(server.endpoint, { bounds: { ...shortBounds, silence: 30_000 } });
    let sent = 0;
    const pace = async () => {
      sent += 1;
      // The slice before the last must have come while this one is not even allowed.
      if (sent === 5) while (server.received() < 2 * slice) await Bun.sleep(10);
    };
    await bucket.put("k", Buffer.alloc(5 * slice), { retention, pace });
    expect(sent).toBe(5);
  });

  test("the signal ends a limited put at once", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped by the test");
    await using server = await liar(() => undefined);
    const bucket = await openAt(server.endpoint, { signal: controller.signal });
    const pace = () => new Promise<void>(() => undefined);
    const running = bucket.put("k", Buffer.alloc(5 * slice), { retention, pace }).catch((error: unknown) => error);
    await Bun.sleep(200);
    const began = performance.now();
    controller.abort(reason);
    expect(await running).toBe(reason);
    expect(performance.now() - began).toBeLessThan(20_000);
  });
});
