import { expect, test } from "bun:test";
import { atOnce } from "../../../../core/bucket/decorators/at-once.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { type BucketRequests, wrapBucket } from "../../../../core/bucket/wrap.ts";
import { scratch } from "../scratch.ts";

const retention = { mode: "GOVERNANCE", until: new Date("2036-01-01T00:00:00Z") } as const;

/** A directory bucket behind `atOnce`, and how many requests were in flight at most. Each takes a moment. */
async function counted(path: string, most: number) {
  let now = 0;
  let peak = 0;
  async function slowly<T>(run: () => Promise<T>): Promise<T> {
    now += 1;
    peak = Math.max(peak, now);
    await Bun.sleep(5);
    return run().finally(() => {
      now -= 1;
    });
  }
  async function* pages<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = source[Symbol.asyncIterator]();
    try {
      for (let next = await slowly(() => iterator.next()); !next.done; next = await slowly(() => iterator.next()))
        yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  const inner = await openDirectoryBucket(path, { now: () => new Date(), random: Math.random });
  const slow: BucketRequests = {
    put: (...args) => slowly(() => inner.put(...args)),
    async startUpload(...args) {
      const upload = await slowly(() => inner.startUpload(...args));
      return {
        part: (...part) => slowly(() => upload.part(...part)),
        complete: () => slowly(() => upload.complete()),
        abort: () => slowly(() => upload.abort()),
      };
    },
    extend: (...args) => slowly(() => inner.extend(...args)),
    get: (...args) => pages(inner.get(...args)),
    head: (...args) => slowly(() => inner.head(...args)),
    retention: (...args) => slowly(() => inner.retention(...args)),
    lockState: () => slowly(() => inner.lockState()),
    expiryDays: () => slowly(() => inner.expiryDays()),
    list: (...args) => pages(inner.list(...args)),
    listVersions: (...args) => pages(inner.listVersions(...args)),
    thaw: (...args) => slowly(() => inner.thaw(...args)),
    remove: (...args) => slowly(() => inner.remove(...args)),
  };
  return { bucket: atOnce(wrapBucket(inner, slow), most), peak: () => peak };
}

for (const most of [1, 3]) {
  test(`no more than ${most} requests of all kinds are in flight`, async () => {
    await using root = await scratch();
    const { bucket, peak } = await counted(root.path, most);
    const { version } = await bucket.put("k", Buffer.from("x"), { retention });
    const upload = await bucket.startUpload("u", { retention });
    await Promise.all([
      bucket.put("a", Buffer.from("x"), { retention }),
      upload.part(1, Buffer.from("x")).then(() => upload.complete()),
      bucket.extend("k", version, { ...retention, until: new Date("2037-01-01T00:00:00Z") }),
      Array.fromAsync(bucket.get("k")),
      bucket.head("k"),
      bucket.retention("k", version),
      bucket.lockState(),
      bucket.expiryDays(),
      Array.fromAsync(bucket.list("")),
      Array.fromAsync(bucket.listVersions("")),
      bucket.startUpload("v", { retention }).then((other) => other.abort()),
    ]);
    expect(peak()).toBe(most);
  });
}

test("with one request at a time, what is read may decide what else is read", async () => {
  await using root = await scratch();
  const { bucket } = await counted(root.path, 1);
  await bucket.put("list", Buffer.from("other"), { retention });
  await bucket.put("other", Buffer.from("found"), { retention });
  for await (const page of bucket.list("list")) {
    for (const { key } of page) {
      for await (const piece of bucket.get(key)) {
        const found = await Array.fromAsync(bucket.get(Buffer.from(piece).toString()));
        expect(Buffer.concat(found).toString()).toBe("found");
      }
    }
  }
});

test("a request that fails, and a download that is left, make room for the next", async () => {
  await using root = await scratch();
  const { bucket } = await counted(root.path, 1);
  expect(await bucket.retention("missing", "v").catch(() => "failed")).toBe("failed");
  await bucket.put("k", Buffer.from("x"), { retention });
  for await (const _ of bucket.get("k")) break;
  expect(await bucket.head("k")).toMatchObject({ size: 1 });
});
