import { expect, test } from "bun:test";
import { type Bucket, BucketError } from "../../../../core/bucket/contract.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import type { Manifest } from "../../../../core/format/manifest/manifest.ts";
import { readParts } from "../../../../core/manifest/references/read-parts.ts";
import { References } from "../../../../core/manifest/references/references.ts";
import { Fixture, file, flipped, folder } from "../../../restore/support.ts";

const items = [folder("/"), file("/a", "a"), file("/b", "b"), file("/c", "c")];

async function readAll(bucket: Bucket, manifest: Manifest, signal = new AbortController().signal) {
  const paths: string[] = [];
  const lost: string[] = [];
  using references = new References();
  references.addBackup({ root: undefined, manifest, demand: undefined });
  await readParts(references.takeParts(), {
    bucket,
    atOnce: 2,
    use: (_, { entries }) => paths.push(...[...entries].map(({ path }) => path)),
    onLost: (_, { how }) => lost.push(how),
    signal,
  });
  return { paths, lost };
}

test("all parts are read", async () => {
  await using fixture = await Fixture.open();
  const { manifest } = await fixture.backup(items, { perPart: 2 });
  const { paths, lost } = await readAll(fixture.bucket, manifest);
  expect(paths.sort()).toEqual(["/", "/a", "/b", "/c"]);
  expect(lost).toEqual([]);
});

test("a part whose bytes are altered is reported, and the others are read", async () => {
  await using fixture = await Fixture.open();
  const { manifest } = await fixture.backup(items, { perPart: 2 });
  const damaging = wrapBucket(fixture.bucket, {
    async *get(key, options) {
      const isFirst = key === manifest.parts[0]?.key;
      for await (const bytes of fixture.bucket.get(key, options)) yield isFirst ? flipped(Buffer.from(bytes)) : bytes;
    },
  });
  const { paths, lost } = await readAll(damaging, manifest);
  expect(paths).toEqual(["/b", "/c"]);
  expect(lost).toEqual(["it is damaged: its content does not match the digest that the manifest has of it"]);
});

test("an error that the next part would meet too ends the reading", async () => {
  await using fixture = await Fixture.open();
  const { manifest } = await fixture.backup(items, { perPart: 1 });
  let asked = 0;
  const unreachable = wrapBucket(fixture.bucket, {
    // biome-ignore lint/correctness/useYield: nothing comes
    async *get(key) {
      asked += 1;
      throw new BucketError("unreachable", { doing: "read", what: key, why: "no answer" });
    },
  });
  await expect(readAll(unreachable, manifest)).rejects.toThrow("no answer");
  expect(asked).toBeLessThanOrEqual(2);
});

test("an abort ends the reading before the next part", async () => {
  await using fixture = await Fixture.open();
  const { manifest } = await fixture.backup(items);
  const stopped = AbortSignal.abort(new Error("stopped"));
  await expect(readAll(fixture.bucket, manifest, stopped)).rejects.toThrow("stopped");
});
