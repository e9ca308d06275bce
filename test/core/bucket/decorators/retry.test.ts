import { expect, test } from "bun:test";
import { type Bucket, BucketError, type Stored } from "../../../../core/bucket/contract.ts";
import { count, noCounts } from "../../../../core/bucket/decorators/count.ts";
import { attemptLimit, retry } from "../../../../core/bucket/decorators/retry.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import type { Notice } from "../../../../core/notice.ts";
import { type Fault, type Faulty, faulty } from "../faults.ts";
import { scratch } from "../scratch.ts";

const retention = { mode: "GOVERNANCE", until: new Date("2026-12-21T00:00:00Z") } as const;
const bytes = (text: string): Uint8Array => Buffer.from(text);

type Rig = {
  /** Without faults. */
  readonly plain: Bucket;
  readonly bucket: Bucket;
  readonly faults: Faulty;
  /** Milliseconds of each wait. */
  readonly waits: number[];
  readonly notices: Notice[];
};

/** Runs with a bucket that fails by script beneath `retry`, and checks that every fault fired. */
async function withFaults(
  script: readonly Fault[],
  run: (rig: Rig) => Promise<void>,
  wrap = (bucket: Bucket) => bucket,
) {
  await using root = await scratch();
  let clock = new Date("2026-11-21T00:00:00Z").getTime();
  const now = () => new Date(clock);
  const waits: number[] = [];
  const notices: Notice[] = [];
  const sleep = async (milliseconds: number) => {
    waits.push(milliseconds);
    clock += milliseconds;
  };
  const plain = wrap(await openDirectoryBucket(root.path, { now, random: Math.random }));
  const faults = faulty(plain, script);
  const notify = (notice: Notice) => void notices.push(notice);
  const bucket = retry(faults.bucket, { now, sleep, random: () => 0, notify });
  await run({ plain, bucket, faults, waits, notices });
  expect(faults.unused).toEqual([]);
}

/** Gives a get's bytes in pieces of so many, so that it can break between them. */
const inPiecesOf =
  (size: number) =>
  (bucket: Bucket): Bucket => {
    const get: Bucket["get"] = async function* (key, options) {
      const whole = await readAll(bucket.get(key, options), 100 * kibibyte * 64);
      for (let at = 0; at < whole.byteLength; at += size) yield whole.subarray(at, at + size);
    };
    return wrapBucket(bucket, { get });
  };
const inPieces = inPiecesOf(3);
const kibibyte = 1024;

/** Gives pages of two. */
const inSmallPages = (bucket: Bucket): Bucket => {
  async function* small<T>(pages: AsyncIterable<readonly T[]>): AsyncGenerator<readonly T[]> {
    for await (const page of pages) for (let at = 0; at < page.length; at += 2) yield page.slice(at, at + 2);
  }
  return wrapBucket(bucket, {
    list: (...args) => small(bucket.list(...args)),
    listVersions: (...args) => small(bucket.listVersions(...args)),
  });
};

const times = (n: number, fault: Fault): Fault[] => Array.from({ length: n }, () => fault);

async function errorOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test("every call is repeated, with waits that double, each reported", () =>
  withFaults(
    [...times(3, { call: "put" }), { call: "extend" }, { call: "head" }],
    async ({ bucket, waits, notices }) => {
      const { version } = await bucket.put("a", bytes("x"), { retention });
      expect(waits).toEqual([250, 500, 1000]);
      expect(notices.map(({ code }) => code)).toEqual(times(3, { call: "put" }).map(() => "bucket-retry"));
      expect(notices[0]?.message).toBe("a scripted fault: trying again in 0.3 s (attempt 2 of 8)");
      await bucket.extend("a", version, retention);
      expect((await bucket.head("a"))?.version).toBe(version);
    },
  ));

test("a remove whose answer was lost is repeated without harm", async () => {
  const soon = { mode: "GOVERNANCE", until: new Date("2026-11-21T00:00:00.100Z") } as const;
  // The first wait outlasts the lock.
  await withFaults([{ call: "remove" }, { call: "remove", lostAnswer: true }], async ({ bucket }) => {
    const { version } = await bucket.put("a", bytes("x"), { retention: soon });
    await bucket.remove("a", version);
    expect(await bucket.head("a")).toBeUndefined();
  });
});

test("a put whose answer was lost makes one more version of the same bytes", () =>
  withFaults([{ call: "put", lostAnswer: true }], async ({ bucket, plain }) => {
    await bucket.put("a", bytes("x"), { retention });
    const sizes: number[] = [];
    for await (const page of plain.listVersions("")) sizes.push(...page.map(({ size }) => size));
    expect(sizes).toEqual([1, 1]);
  }));

test("after the last attempt the failure says how often it was tried", () =>
  withFaults(times(attemptLimit, { call: "head" }), async ({ bucket, waits }) => {
    const error = await errorOf(bucket.head("a"));
    expect(error).toBeInstanceOf(BucketError);
    expect(error).toMatchObject({ kind: "unreachable", message: expect.stringContaining("(tried 8 times)") });
    expect(waits.length).toBe(attemptLimit - 1);
  }));

test("an error of the server's own is of one request if it answers others, and then fewer attempts are made at the next", () =>
  withFaults(times(3 * attemptLimit + 4, { call: "head", kind: "failing" }), async ({ bucket, faults }) => {
    for (let request = 0; request < 4; request += 1) {
      expect(await errorOf(bucket.head("a"))).toMatchObject({
        kind: "other",
        message: expect.stringContaining("; it answers other requests)"),
      });
    }
    expect(faults.calls.filter((call) => call.startsWith("list"))).toHaveLength(4);
    expect(await bucket.head("a")).toBeUndefined();
  }));

test("an error of the server's own is of all requests if it answers no other", () =>
  withFaults(
    [...times(attemptLimit, { call: "head", kind: "failing" }), { call: "list", kind: "failing" }],
    async ({ bucket }) => {
      expect(await errorOf(bucket.head("a"))).toMatchObject({ kind: "failing" });
    },
  ));

for (const kind of ["missing", "denied", "credentials", "locked", "full", "damaged", "no-bucket", "other"] as const) {
  test(`${kind} is not tried again`, () =>
    withFaults([{ call: "put", kind }], async ({ bucket, faults, waits }) => {
      expect(await errorOf(bucket.put("a", bytes("x"), { retention }))).toMatchObject({ kind });
      expect(faults.calls.length).toBe(1);
      expect(waits).toEqual([]);
    }));
}

test("attempts that take long are given up by time", async () => {
  await using root = await scratch();
  let clock = Date.parse("2026-11-21T00:00:00Z");
  const now = () => new Date(clock);
  const plain = await openDirectoryBucket(root.path, { now, random: Math.random });
  let attempts = 0;
  const slow = wrapBucket(plain, {
    head: async () => {
      attempts++;
      clock += 60_000;
      throw new BucketError("unreachable", { doing: "look up", why: "it does not answer" });
    },
  });
  const bucket = retry(slow, { now, sleep: async () => undefined, random: () => 0 });
  expect(await errorOf(bucket.head("a"))).toMatchObject({ message: expect.stringContaining("(tried 3 times)") });
  expect(attempts).toBe(3);
});

test("a get that breaks goes on from the byte it reached, in the version it began with", () =>
  withFaults(
    [
      { call: "get", after: 2 },
      { call: "get", after: 0 },
      { call: "get", after: 1 },
    ],
    async ({ bucket, plain, faults }) => {
      const { version } = await bucket.put("a", bytes("0123456789abc"), { retention });
      const reported: Stored[] = [];
      let text = "";
      for await (const piece of bucket.get("a", { onStart: (object) => void reported.push(object) })) {
        text += Buffer.from(piece).toString();
        if (text.length === 3) await plain.put("a", bytes("another thing"), { retention });
      }
      expect(text).toBe("0123456789abc");
      expect(reported).toEqual([{ key: "a", version, size: 13 }]);
      expect(faults.calls.slice(1)).toEqual([
        "get a newest all",
        `get a ${version} 6+7`,
        `get a ${version} 6+7`,
        `get a ${version} 9+4`,
      ]);
    },
    inPieces,
  ));

test("a ranged get goes on within its range", () =>
  withFaults(
    [{ call: "get", after: 1 }],
    async ({ bucket, faults }) => {
      const { version } = await bucket.put("a", bytes("0123456789abc"), { retention });
      const range = { start: 2, length: 8 };
      expect((await readAll(bucket.get("a", { version, range }), 100)).toString()).toBe("23456789");
      expect(faults.calls.at(-1)).toBe(`get a ${version} 5+5`);
    },
    inPieces,
  ));

test("a get that breaks after its last byte is whole", () =>
  withFaults(
    [{ call: "get", after: 2 }],
    async ({ bucket, faults }) => {
      await bucket.put("a", bytes("012345"), { retention });
      expect((await readAll(bucket.get("a"), 100)).toString()).toBe("012345");
      expect(faults.calls.length).toBe(2);
    },
    inPieces,
  ));

test("a get that makes progress is not given up, one that makes none is", () =>
  withFaults(
    [...times(12, { call: "get", after: 1 }), ...times(attemptLimit - 1, { call: "get" })],
    async ({ bucket }) => {
      await bucket.put("a", Buffer.alloc(13 * 64 * kibibyte), { retention });
      expect(await errorOf(readAll(bucket.get("a"), 100 * 64 * kibibyte))).toMatchObject({ kind: "unreachable" });
    },
    inPiecesOf(64 * kibibyte),
  ));

test("a get that gives three bytes before each break is given up", () =>
  withFaults(
    times(attemptLimit, { call: "get", after: 1 }),
    async ({ bucket }) => {
      await bucket.put("a", bytes("x".repeat(1000)), { retention });
      expect(await errorOf(readAll(bucket.get("a"), 1000))).toMatchObject({ kind: "unreachable" });
    },
    inPieces,
  ));

test("a listing that gives an empty page before each break is given up", () => {
  const withEmptyPages = (bucket: Bucket): Bucket =>
    wrapBucket(bucket, {
      async *list(...args) {
        yield [];
        yield* bucket.list(...args);
      },
    });
  return withFaults(
    times(attemptLimit, { call: "list", after: 1 }),
    async ({ bucket }) => {
      await bucket.put("a", bytes(""), { retention });
      expect(await errorOf(Array.fromAsync(bucket.list("")))).toMatchObject({ kind: "unreachable" });
    },
    withEmptyPages,
  );
});

test("a server that is busy is waited for during ten minutes, and the notice says so", () =>
  withFaults(times(12, { call: "head", kind: "busy" }), async ({ bucket, waits, notices }) => {
    await bucket.put("a", bytes("x"), { retention });
    expect(await bucket.head("a")).toMatchObject({ size: 1 });
    expect(waits.length).toBe(12);
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(90_000);
    expect(notices[11]?.message).toBe("a scripted fault: trying again in 15.0 s (attempt 13, for at most 10 minutes)");
  }));

test("a server that stays busy is given up within ten minutes", () =>
  withFaults(times(30, { call: "head", kind: "busy" }), async ({ bucket, waits }) => {
    expect(await errorOf(bucket.head("a"))).toMatchObject({ kind: "busy" });
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThan(10 * 60_000);
  }));

test("a listing goes on after the last key it gave", () =>
  withFaults(
    [{ call: "list", after: 1 }, { call: "list" }, { call: "list", after: 1 }],
    async ({ bucket, faults }) => {
      for (const key of "abcdefg") await bucket.put(key, bytes(""), { retention });
      const keys: string[] = [];
      for await (const page of bucket.list("")) keys.push(...page.map(({ key }) => key));
      expect(keys).toEqual([..."abcdefg"]);
      expect(faults.calls.slice(7)).toEqual(["list after ", "list after b", "list after b", "list after d"]);
    },
    inSmallPages,
  ));

test("a listing of versions that breaks within a key gives each version once", () =>
  withFaults(
    [
      { call: "listVersions", after: 2 },
      { call: "listVersions", after: 1 },
    ],
    async ({ bucket, faults }) => {
      const versions: string[] = [];
      for (const key of ["a", "b", "b", "b", "b", "c"])
        versions.push((await bucket.put(key, bytes(""), { retention })).version);
      const [a, b1, b2, b3, b4, c] = versions;
      const found: (string | undefined)[] = [];
      for await (const page of bucket.listVersions("")) found.push(...page.map(({ version }) => version));
      expect(found).toEqual([a, b4, b3, b2, b1, c]);
      expect(faults.calls.slice(6)).toEqual(["listVersions after ", "listVersions after a", "listVersions after a"]);
    },
    inSmallPages,
  ));

test("an upload's parts are repeated one by one", () =>
  withFaults(
    [
      { call: "startUpload" },
      { call: "part" },
      { call: "part", lostAnswer: true },
      { call: "complete" },
      { call: "abort" },
    ],
    async ({ bucket, faults }) => {
      const upload = await bucket.startUpload("a", { retention });
      await upload.part(1, bytes("hello"));
      const stored = await upload.complete();
      await upload.abort();
      expect((await readAll(bucket.get("a", stored), 100)).toString()).toBe("hello");
      expect(faults.calls.filter((call) => call.startsWith("part"))).toEqual(["part 1", "part 1", "part 1"]);
    },
  ));

test("each attempt is counted, and what was sent and received", async () => {
  const counts = noCounts();
  await using root = await scratch();
  const now = () => new Date("2026-11-21T00:00:00Z");
  const plain = await openDirectoryBucket(root.path, { now, random: Math.random });
  const faults = faulty(plain, [{ call: "put" }, { call: "get" }, { call: "list" }]);
  const bucket = retry(count(faults.bucket, counts), { now, sleep: async () => undefined, random: () => 0 });
  const { version } = await bucket.put("a", bytes("hello"), { retention });
  await readAll(bucket.get("a"), 100);
  await bucket.head("a");
  await bucket.extend("a", version, retention);
  for await (const page of bucket.list("")) expect(page.length).toBe(1);
  for await (const page of bucket.listVersions("nothing")) expect(page.length).toBe(0);
  await errorOf(bucket.remove("a", version));
  const upload = await bucket.startUpload("b", { retention });
  await upload.part(1, bytes("12"));
  await upload.complete();
  await upload.abort();
  expect(counts).toEqual({ put: 5, get: 2, head: 1, list: 3, extend: 1, remove: 2, sent: 12, received: 5 });
  expect(faults.unused).toEqual([]);
});
