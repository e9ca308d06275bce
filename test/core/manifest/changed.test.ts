import { expect, test } from "bun:test";
import { join } from "node:path";
import { BucketError } from "../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../core/bucket/directory/bucket.ts";
import { FormatError } from "../../../core/format/error.ts";
import { readManifest } from "../../../core/manifest/read.ts";
import { scratch } from "../../support/faults/scratch.ts";

const key = "manifests/host/20261121T020003Z-00000000.jsonl.zst";
/** More than is looked at in one piece. */
const size = 1024 * 1024;

test("a large root that changed in the bucket is distinguished from junk that somebody put", async () => {
  await using folder = await scratch();
  const bucket = await openDirectoryBucket(folder.path, { now: () => new Date(), random: Math.random });
  const retention = { mode: "GOVERNANCE", until: new Date("2099-01-01T00:00:00Z") } as const;
  const causeOf = () => readManifest(bucket, { key }).catch((error: unknown) => error instanceof Error && error.cause);
  await bucket.put(key, Buffer.alloc(size, "junk"), { retention });
  expect(await causeOf()).toBeInstanceOf(FormatError);
  await Bun.write(join(folder.path, key), "x".repeat(size));
  expect(await causeOf()).toBeInstanceOf(BucketError);
});
