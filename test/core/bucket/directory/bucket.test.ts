import { describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, rename, stat, symlink, truncate, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import type { Bucket, Listed } from "../../../../core/bucket/contract.ts";
import { type DirectoryTools, openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { openBeneath } from "../../../support/descriptors.ts";
import { isRoot } from "../../../support/services.ts";
import { failureOf } from "../failure.ts";
import { scratch } from "../scratch.ts";

const start = new Date("2026-11-21T02:00:03.000Z");
const now = () => start;
const retention = { mode: "GOVERNANCE", until: new Date("2026-12-21T02:00:03.000Z") } as const;

const open = (path: string, tools: DirectoryTools = { now, random: Math.random }) => openDirectoryBucket(path, tools);

const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = async (bucket: Bucket, ...get: Parameters<Bucket["get"]>) =>
  (await readAll(bucket.get(...get), 1000)).toString();

async function listed(bucket: Bucket, prefix: string, after?: string): Promise<Listed[]> {
  const all: Listed[] = [];
  for await (const page of bucket.list(prefix, after)) all.push(...page);
  return all;
}

async function exchangeForFifo(path: string): Promise<void> {
  await unlink(path);
  Bun.spawnSync(["mkfifo", path]);
}

describe("on disk", () => {
  test("what changed on the disk is damaged if it is to be unchanged, and is read otherwise", async () => {
    await using place = await scratch();
    const bucket = await open(place.path);
    await bucket.put("a", bytes("one"), { retention });
    await writeFile(join(place.path, "a"), "two");
    const error = await textOf(bucket, "a", { unchanged: true }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "damaged", parts: { why: "its bytes are not those that were put" } });
    expect(await textOf(bucket, "a")).toBe("two");
  });

  test("a fifo in place of a record or of bytes is damage, and is not waited for", async () => {
    await using place = await scratch();
    const bucket = await open(place.path);
    const { version } = await bucket.put("a", bytes("one"), { retention });
    await exchangeForFifo(join(place.path, "a"));
    const why = "it is not a regular file";
    expect(await textOf(bucket, "a").catch((thrown: unknown) => thrown)).toMatchObject({
      kind: "damaged",
      parts: { why },
    });
    await exchangeForFifo(join(place.path, `a~${version}.json`));
    for (const ask of [() => bucket.head("a"), () => bucket.extend("a", version, retention), () => textOf(bucket, "a")])
      expect(await ask().catch((thrown: unknown) => thrown)).toMatchObject({ kind: "damaged", parts: { why } });
  });

  test("a record of more bytes than any has is damage, and is not read; twin: a link to a record is one", async () => {
    await using place = await scratch();
    const bucket = await open(place.path);
    const { version } = await bucket.put("a", bytes("one"), { retention });
    const record = join(place.path, `a~${version}.json`);
    await rename(record, join(place.path, "elsewhere"));
    await symlink("elsewhere", record);
    expect(await textOf(bucket, "a")).toBe("one");
    await truncate(record, 1024 ** 4);
    const refused = await bucket.head("a").catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({
      kind: "damaged",
      parts: { why: expect.stringContaining("more than the 65536 allowed") },
    });
  });

  test("a first version is the plain file, a later one has its version in the name, each has a record", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    const first = await bucket.put("packs/a.zst", bytes("one"), { retention, metadata: { a: "b" } });
    const second = await bucket.put("packs/a.zst", bytes("two"), { retention });
    const folder = join(root.path, "packs");
    expect((await readdir(folder)).sort()).toEqual(
      ["a.zst", `a.zst~${first.version}.json`, `a.zst~${second.version}`, `a.zst~${second.version}.json`].sort(),
    );
    expect(await readFile(join(folder, "a.zst"), "utf8")).toBe("one");
    expect(await readFile(join(folder, `a.zst~${second.version}`), "utf8")).toBe("two");
    expect(JSON.parse(await readFile(join(folder, `a.zst~${first.version}.json`), "utf8"))).toEqual({
      file: "a.zst",
      version: first.version,
      sha256: new Bun.CryptoHasher("sha256").update("one").digest("hex"),
      size: 3,
      metadata: { a: "b" },
      retention: { mode: "GOVERNANCE", until: "2026-12-21T02:00:03.000Z" },
      created: "2026-11-21T02:00:03.000Z",
    });
    expect(await readdir(join(root.path, ".sysbackup-tmp"))).toEqual([]);
  });

  test("versions sort by time, also when the clock stands still or goes back", async () => {
    await using root = await scratch();
    let clock = start;
    const bucket = await open(root.path, { now: () => clock, random: () => 0.5 });
    const versions: string[] = [];
    for (const back of [0, 0, 1, 60]) {
      clock = new Date(clock.getTime() - back * 1000);
      versions.push((await bucket.put("a", bytes(""), { retention })).version);
    }
    expect(versions).toEqual(versions.toSorted());
    expect(new Set(versions).size).toBe(4);
  });

  test("bytes without a record do not exist, and their name is left alone", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    await writeFile(join(root.path, "a"), "left by a crash");
    expect(await bucket.head("a")).toBeUndefined();
    expect(await listed(bucket, "")).toEqual([]);
    const { version } = await bucket.put("a", bytes("new"), { retention });
    expect(await textOf(bucket, "a")).toBe("new");
    expect(await readFile(join(root.path, `a~${version}`), "utf8")).toBe("new");
    expect(await readFile(join(root.path, "a"), "utf8")).toBe("left by a crash");
  });

  test("on disk work that a killed run left is cleared after a week, newer work is not", async () => {
    await using root = await scratch();
    const work = join(root.path, ".sysbackup-tmp");
    await mkdir(work);
    for (const [name, age] of [
      ["old", 8],
      ["new", 6],
    ] as const) {
      await writeFile(join(work, name), "");
      const touched = new Date(start.getTime() - age * 24 * 3600 * 1000);
      await utimes(join(work, name), touched, touched);
    }
    await open(root.path);
    expect(await readdir(work)).toEqual(["new"]);
  });

  test("two processes that put one key at once both keep their version", async () => {
    await using root = await scratch();
    const module = new URL("../../../../core/bucket/directory/bucket.ts", import.meta.url).href;
    const script = `
      const { openDirectoryBucket } = await import(process.argv[1]);
      const bucket = await openDirectoryBucket(process.argv[2], { now: () => new Date("${start.toISOString()}"), random: Math.random });
      const retention = { mode: "GOVERNANCE", until: new Date("${retention.until.toISOString()}") };
      for (let i = 0; i < 20; i++) await bucket.put("k/" + i, Buffer.from(process.argv[3] + i), { retention });`;
    const run = (name: string) =>
      Bun.spawn([process.execPath, "-e", script, module, root.path, name], { env: process.env }).exited;
    expect(await Promise.all([run("x"), run("y")])).toEqual([0, 0]);
    const bucket = await open(root.path);
    const bodies: string[] = [];
    for await (const page of bucket.listVersions(""))
      for (const { key, version } of page) bodies.push(await textOf(bucket, key, { version }));
    const expected = Array.from({ length: 20 }, (_, i) => [`x${i}`, `y${i}`]).flat();
    expect(bodies.sort()).toEqual(expected.sort());
  });
});

describe("keys are confined", () => {
  const keys = [
    "../outside",
    "a/../../outside",
    "/absolute",
    "a//b",
    "a/",
    "./a",
    "a/.",
    "nul\0",
    ".sysbackup-tmp/x",
    "a~0123456789abcdef012345",
    "a~0123456789abcdef012345.json",
    "a~0123456789abcdef012345/b",
    `${"long".repeat(60)}`,
  ];
  for (const key of keys) {
    test(`${JSON.stringify(key)} is refused, and reads find nothing`, async () => {
      await using root = await scratch();
      await mkdir(join(root.path, "bucket"));
      await writeFile(join(root.path, "outside"), "secret");
      const bucket = await open(join(root.path, "bucket"));
      expect((await failureOf(bucket.put(key, bytes("x"), { retention }))).kind).toBe("other");
      expect((await failureOf(bucket.startUpload(key, { retention }))).kind).toBe("other");
      expect(await bucket.head(key)).toBeUndefined();
      expect((await failureOf(textOf(bucket, key))).kind).toBe("missing");
      expect(await listed(bucket, key)).toEqual([]);
      expect((await readdir(root.path)).sort()).toEqual(["bucket", "outside"]);
      expect(await readdir(join(root.path, "bucket"))).toEqual([]);
    });
  }

  test("a name that only resembles one of ours is taken", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    for (const key of ["a~b.json", "~", "a~0123.json", "x/.sysbackup-tmp"])
      await bucket.put(key, bytes("x"), { retention });
    expect((await listed(bucket, "")).length).toBe(4);
  });

  test("a record that names another file is damage", async () => {
    await using root = await scratch();
    await mkdir(join(root.path, "bucket"));
    await writeFile(join(root.path, "outside"), "123");
    const bucket = await open(join(root.path, "bucket"));
    const { version } = await bucket.put("a", bytes("123"), { retention });
    const path = join(root.path, "bucket", `a~${version}.json`);
    await writeFile(path, (await readFile(path, "utf8")).replace('"file":"a"', '"file":"../outside"'));
    expect((await failureOf(textOf(bucket, "a", { version }))).kind).toBe("damaged");
  });
});

describe("what can go wrong", () => {
  test("a directory that is not there is worded with its remedy", async () => {
    await using root = await scratch();
    const failure = await failureOf(open(join(root.path, "none")));
    expect(failure.kind).toBe("no-bucket");
    expect(failure.message).toContain("create it (mkdir)");
  });

  test("a directory that vanishes is not made again", async () => {
    await using root = await scratch();
    const path = join(root.path, "disk");
    await mkdir(path);
    const bucket = await open(path);
    await (await import("node:fs/promises")).rmdir(path);
    expect((await failureOf(bucket.put("a/b", bytes("x"), { retention }))).kind).toBe("no-bucket");
    expect((await failureOf(listed(bucket, ""))).kind).toBe("no-bucket");
    expect((await failureOf(textOf(bucket, "a/b"))).kind).toBe("no-bucket");
    expect((await failureOf(bucket.head("a/b"))).kind).toBe("no-bucket");
    expect(await readdir(root.path)).toEqual([]);
  });

  test("a file that became shorter is damaged, one that is gone is missing", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    const { version } = await bucket.put("a", bytes("0123456789"), { retention });
    await truncate(join(root.path, "a"), 5);
    expect((await failureOf(textOf(bucket, "a", { version }))).kind).toBe("damaged");
    expect((await bucket.head("a", version))?.size).toBe(5);
    await unlink(join(root.path, "a"));
    expect((await failureOf(textOf(bucket, "a", { version }))).kind).toBe("missing");
    expect(await bucket.head("a", version)).toBeUndefined();
    expect(await listed(bucket, "")).toEqual([]);
  });

  test("a record that is no JSON is damaged", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    const { version } = await bucket.put("a", bytes("x"), { retention });
    await truncate(join(root.path, `a~${version}.json`), 10);
    expect((await failureOf(textOf(bucket, "a", { version }))).kind).toBe("damaged");
  });

  test("a file where a folder must be is named", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    await bucket.put("a", bytes("x"), { retention });
    expect((await failureOf(bucket.put("a/b", bytes("x"), { retention }))).message).toContain(
      "there is a file in place of a folder",
    );
    expect(await readdir(join(root.path, ".sysbackup-tmp"))).toEqual([]);
  });

  test.skipIf(!isRoot)("a full disk is reported, and leaves nothing behind", async () => {
    await using root = await scratch();
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root.path]);
    expect(mounted.exitCode).toBe(0);
    try {
      const bucket = await open(root.path);
      const failure = await failureOf(bucket.put("big", new Uint8Array(2 << 20), { retention }));
      expect(failure.kind).toBe("full");
      expect(failure.message).toContain("free some space");
      const upload = await bucket.startUpload("big", { retention });
      expect((await failureOf(upload.part(1, new Uint8Array(2 << 20)))).kind).toBe("full");
      await upload.abort();
      expect(await readdir(join(root.path, ".sysbackup-tmp"))).toEqual([]);
      await bucket.put("small", bytes("x"), { retention });
      expect(await listed(bucket, "")).toMatchObject([{ key: "small", size: 1 }]);
    } finally {
      Bun.spawnSync(["umount", root.path]);
    }
  });

  test("the latest date of extensions side by side stays", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    const { version } = await bucket.put("a", bytes("x"), { retention });
    const days = [3, 9, 1, 7, 5];
    const extend = (day: number) =>
      bucket.extend("a", version, {
        mode: "GOVERNANCE",
        until: new Date(retention.until.getTime() + day * 86_400_000),
      });
    await Promise.allSettled(days.map(extend));
    const until = (await bucket.head("a", version))?.retention?.until;
    expect(until).toEqual(new Date(retention.until.getTime() + 9 * 86_400_000));
  });

  test("a lock in COMPLIANCE mode stays in it when it is extended in GOVERNANCE mode", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    const { version } = await bucket.put("a", bytes("x"), { retention: { ...retention, mode: "COMPLIANCE" } });
    const until = new Date(retention.until.getTime() + 86_400_000);
    await bucket.extend("a", version, { mode: "GOVERNANCE", until });
    expect(await bucket.retention("a", version)).toEqual({ mode: "COMPLIANCE", until });
  });

  test("a longer lock in GOVERNANCE mode is not taken for one in COMPLIANCE mode", async () => {
    await using root = await scratch();
    const bucket = await open(root.path);
    const { version } = await bucket.put("a", bytes("x"), { retention });
    const until = new Date(retention.until.getTime() - 1000);
    expect((await failureOf(bucket.extend("a", version, { mode: "COMPLIANCE", until }))).kind).toBe("denied");
    expect(await bucket.retention("a", version)).toEqual(retention);
  });
});

test("property: listings match a sorted model, for any prefix and start", async () => {
  const letter = fc.constantFrom("a", "b", "!", ".", "-", "0", "é", "\ufffd", "😀");
  const segment = fc
    .array(letter, { minLength: 1, maxLength: 2 })
    .map((letters) => letters.join(""))
    .filter((text) => text !== "." && text !== "..");
  const key = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join("/"));
  const leaf = key.map((path) => `${path}$`);
  const cut = fc.tuple(leaf, fc.nat(6)).map(([path, length]) => [...path].slice(0, length).join(""));
  const utf8 = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(leaf, { maxLength: 12 }), cut, cut, async (keys, prefix, after) => {
      await using root = await scratch();
      const bucket = await open(root.path);
      for (const each of keys) await bucket.put(each, bytes(""), { retention });
      const model = keys.filter((each) => each.startsWith(prefix) && utf8(each, after) > 0).toSorted(utf8);
      expect((await listed(bucket, prefix, after)).map((found) => found.key)).toEqual(model);
    }),
    { numRuns: 60 },
  );
});

test("reading stops when its reader does, and leaves the file closed", async () => {
  await using root = await scratch();
  const bucket = await open(root.path);
  await bucket.put("a", new Uint8Array(3 << 20), { retention });
  const before = openBeneath(root.path).length;
  for (let i = 0; i < 20; i++) for await (const piece of bucket.get("a")) if (piece.byteLength > 0) break;
  expect(openBeneath(root.path).length).toBeLessThanOrEqual(before + 1);
  expect((await stat(join(root.path, "a"))).size).toBe(3 << 20);
});

test("all that a bucket makes is for its owner alone, with a umask that takes nothing away", async () => {
  await using root = await scratch();
  const before = process.umask(0);
  try {
    const bucket = await openDirectoryBucket(root.path, { now: () => new Date(), random: Math.random });
    const retention = { mode: "GOVERNANCE", until: new Date(Date.now() + 86_400_000) } as const;
    const { version } = await bucket.put("a/b/key", Buffer.from("x"), { retention });
    await bucket.put("a/b/key", Buffer.from("y"), { retention });
    await bucket.extend("a/b/key", version, { ...retention, until: new Date(Date.now() + 2 * 86_400_000) });
    const upload = await bucket.startUpload("c/large", { retention });
    await upload.part(2, Buffer.alloc(10));
    await upload.part(1, Buffer.alloc(6 * 1024 * 1024));
    await upload.complete();
    const left = await bucket.startUpload("left", { retention });
    await left.part(1, Buffer.from("x"));
    await bucket.close();
    await left.abort();
  } finally {
    process.umask(before);
  }
  const found = await readdir(root.path, { recursive: true, withFileTypes: true });
  expect(found.length).toBeGreaterThan(8);
  for (const entry of found) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o700 : 0o600]);
  }
});
