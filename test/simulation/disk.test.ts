/** Tests that the watcher and the look at the disk see what they are there to see. */

import { describe, expect, test } from "bun:test";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bucket } from "../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { wrapBucket } from "../../core/bucket/wrap.ts";
import { scratch } from "../support/faults/scratch.ts";
import { checkDisk } from "./disk.ts";
import { Watcher } from "./watcher.ts";

const now = () => new Date("2040-01-01T00:00:00Z");
const retention = { mode: "GOVERNANCE", until: new Date("2040-02-01T00:00:00Z") } as const;
const earlier = "2040-01-15T00:00:00.000Z";

describe("the look at the disk", () => {
  const changes: [name: string, reported: string, change: (path: string, record: string) => Promise<void>][] = [
    ["nothing where all is sound", "", async () => {}],
    ["bytes that are gone", "are not those that were put", (path) => rm(path)],
    ["bytes that changed", "are not those that were put", (path) => writeFile(path, "other")],
    ["a version that is gone", "is not on the disk", (_, record) => rm(record)],
    [
      "a lock that became shorter",
      `is locked until ${earlier} on the disk`,
      async (_, record) =>
        writeFile(record, (await readFile(record, "utf8")).replace(retention.until.toISOString(), earlier)),
    ],
    ["a file of nobody", "belongs to no version", (path) => writeFile(`${path}.more`, "")],
  ];
  test.each(changes)("the look at the disk finds %s", async (_, reported, change) => {
    await using dir = await scratch();
    const heard: string[] = [];
    const watcher = new Watcher(now, (what) => heard.push(what));
    const bucket = watcher.around(await openDirectoryBucket(dir.path, { now, random: Math.random }));
    const { version } = await bucket.put("packs/a", Buffer.from("bytes"), { retention });
    await bucket.put("packs/b", Buffer.from("bytes"), { retention });
    await change(join(dir.path, "packs/a"), join(dir.path, `packs/a~${version}.json`));
    const disk = { folder: dir.path, expected: watcher.versions, digests: new Map<string, string>() };
    checkDisk(disk, (what) => heard.push(what));
    if (reported === "") expect(heard).toEqual([]);
    else expect(heard.join("\n")).toContain(reported);
  });
});

describe("the watcher", () => {
  const calls: [name: string, reported: string, call: (bucket: Bucket, version: string) => Promise<void>][] = [
    [
      "a locked version that is removed",
      "was removed, and is locked",
      (bucket, version) => bucket.remove("a", version),
    ],
    [
      "a lock that is moved back",
      "was moved back",
      (bucket, version) => bucket.extend("a", version, { ...retention, until: new Date(earlier) }),
    ],
  ];
  test.each(calls)("the watcher hears of %s by a bucket that allows it", async (_, reported, call) => {
    await using dir = await scratch();
    const heard: string[] = [];
    const watcher = new Watcher(now, (what) => heard.push(what));
    const strict = await openDirectoryBucket(dir.path, { now, random: Math.random });
    const lenient = watcher.around(
      wrapBucket(strict, { extend: () => Promise.resolve(), remove: () => Promise.resolve() }),
    );
    const { version } = await lenient.put("a", Buffer.from("bytes"), { retention });
    await call(lenient, version);
    expect(heard).toEqual([expect.stringContaining(reported)]);
  });
});
