import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bucket } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { wrapBucket, wrapUpload } from "../../../core/bucket/wrap.ts";
import { conformance } from "./conformance.ts";
import { scratch } from "./scratch.ts";

/** Changes nothing, so that the wrapped bucket must keep all that the contract promises. */
function wrapped(bucket: Bucket): Bucket {
  return wrapBucket(bucket, {
    startUpload: async (key, options) => wrapUpload(await bucket.startUpload(key, options), {}),
  });
}

conformance({
  name: "directory, wrapped",
  absent: false,
  async open() {
    const root = await mkdtemp(join(tmpdir(), "sysbackup-bucket-"));
    let clock = new Date("2026-11-21T02:00:03Z");
    const now = () => clock;
    const open = async (path: string) => wrapped(await openDirectoryBucket(path, { now, random: Math.random }));
    const bucket = await open(root);
    return {
      bucket,
      openMissing: () => open(join(root, "nowhere")),
      now,
      until: async (date) => {
        clock = date;
      },
      close: async () => {
        await bucket.close();
        await rm(root, { recursive: true });
      },
    };
  },
  differs: {
    "a key may be the beginning of another": "a file is no folder",
  },
});

test("a wrapped bucket makes the calls that it overrides, and the bucket below does not", async () => {
  await using root = await scratch();
  const below = await openDirectoryBucket(root.path, { now: () => new Date(), random: Math.random });
  const heads: string[] = [];
  const bucket = wrapBucket(below, {
    head: async (key) => {
      heads.push(key);
      return undefined;
    },
  });
  const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 60_000) } as const;
  const { version } = await bucket.put("a", Buffer.from("bytes"), { retention });
  expect(await bucket.head("a", version)).toBeUndefined();
  expect(await below.head("a", version)).toMatchObject({ size: 5 });
  expect(heads).toEqual(["a"]);
});
