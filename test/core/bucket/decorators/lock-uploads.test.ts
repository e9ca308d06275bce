/** Uploads whose answer was lost: the version that is found in their place may have been there before, with another lock. */
import { expect, test } from "bun:test";
import type { Bucket, Retention } from "../../../../core/bucket/contract.ts";
import { lockUploads } from "../../../../core/bucket/decorators/lock-uploads.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { wrapBucket, wrapUpload } from "../../../../core/bucket/wrap.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { failureOf } from "../failure.ts";

const now = () => new Date("2026-11-21T02:00:03Z");
const day = (number: number, mode: Retention["mode"] = "GOVERNANCE"): Retention => ({
  mode,
  until: new Date(`2027-01-${number}T00:00:00Z`),
});

/** A bucket in which the end of an upload finds the object that is there already. */
function finding(bucket: Bucket, version: string): Bucket {
  return wrapBucket(bucket, {
    startUpload: async (key, options) => {
      const upload = await bucket.startUpload(key, options);
      return wrapUpload(upload, {
        complete: async () => {
          await upload.abort();
          return { key, version, size: 1, isFound: true };
        },
      });
    },
  });
}

async function complete(has: Retention, wanted: Retention) {
  await using place = await scratch();
  const bucket = await openDirectoryBucket(place.path, { now, random: Math.random });
  const { version } = await bucket.put("bundles/a", Buffer.from("x"), { retention: has });
  const upload = await lockUploads(finding(bucket, version), "found").startUpload("bundles/a", { retention: wanted });
  const stored = await upload.complete();
  return { stored, version, lock: await bucket.retention("bundles/a", version) };
}

test.each([
  ["a shorter lock is locked for as long as was to be", day(10), day(20), day(20)],
  ["a longer lock keeps it", day(20), day(10), day(20)],
  ["a shorter lock of the stricter mode keeps its mode", day(10, "COMPLIANCE"), day(20), day(20, "COMPLIANCE")],
])("a version that is found in place of an upload, with %s", async (_, has, wanted, expected) => {
  const { stored, version, lock } = await complete(has, wanted);
  expect(stored).toEqual({ key: "bundles/a", version, size: 1 });
  expect(lock).toEqual(expected);
});

test("a version that is found in place of an upload, with a longer lock of a weaker mode, does not count", async () => {
  expect((await failureOf(complete(day(20), day(10, "COMPLIANCE")))).kind).toBe("denied");
});

test("an upload whose answer came is not locked once more, unless all are", async () => {
  await using place = await scratch();
  const bucket = await openDirectoryBucket(place.path, { now, random: Math.random });
  let extensions = 0;
  const counting = wrapBucket(bucket, {
    extend: async (...args) => {
      extensions += 1;
      await bucket.extend(...args);
    },
  });
  for (const which of ["found", "all"] as const) {
    const upload = await lockUploads(counting, which).startUpload("bundles/a", { retention: day(10) });
    await upload.part(1, Buffer.from("x"));
    await upload.complete();
  }
  expect(extensions).toBe(1);
});
