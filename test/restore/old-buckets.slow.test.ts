/** Buckets that earlier versions made restore, verify, and go on as if nothing had happened. */

import { describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { archive } from "../../core/archive/archive.ts";
import type { Bucket } from "../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { fromBytes } from "../../core/format/path.ts";
import { findManifest } from "../../core/manifest/find.ts";
import { listBackups } from "../../core/manifest/list.ts";
import { openManifest } from "../../core/manifest/open.ts";
import type { Notice } from "../../core/notice.ts";
import { lstat } from "../../core/system/filesystem/stat.ts";
import { restore } from "../../restore/restore.ts";
import { verify } from "../../restore/verify/verify.ts";
import { jobFor } from "../core/archive/rig.ts";
import { notebook, script } from "../core/archive/scripts.ts";
import { OldBuckets, type OldTree } from "../support/old-buckets/open.ts";

const commits = ["b3e51db"] as const;
/** Stored once more in `objects`, where earlier versions stored holes as zeros. */
const sparseFiles = 1;
const kinds = [
  { name: "packs", layout: "packs", compression: "zstd", compressionLevel: 3, again: 0 },
  { name: "raw", layout: "packs", compression: "none", compressionLevel: 0, again: 0 },
  { name: "gzip", layout: "objects", compression: "gzip", compressionLevel: 6, again: sparseFiles },
  { name: "zstd", layout: "objects", compression: "zstd", compressionLevel: 3, again: sparseFiles },
] as const;
const cases = commits.flatMap((commit) => kinds.map((kind) => ({ commit, ...kind })));
/** Not picked for the backup `raw`, where it would be large. */
const large = "srv/old-tree/var/large";

const now = () => new Date();
const tools = { now, notify: () => {} };
const signal = new AbortController().signal;
const open = (path: string) => openDirectoryBucket(path, { now, random: Math.random });

async function restoreInto(target: string, bucket: Bucket, wanted: string): Promise<readonly Notice[]> {
  const notices: Notice[] = [];
  const manifest = await openManifest(bucket, await findManifest(bucket, wanted, tools), {
    notify: (notice) => notices.push(notice),
  });
  await restore({
    bucket,
    manifest,
    target,
    paths: [],
    numericOwner: true,
    snapshots: "fetch",
    ask: () => Promise.reject(new Error("nothing was to be asked")),
    notify: (notice) => notices.push(notice),
    random: randomBytes,
    onProgress: () => {},
    signal,
  });
  return notices.filter(({ level }) => level === "error");
}

/** What lies in the target of all that the tree names, described as the tree does. */
async function found(target: string, tree: OldTree): Promise<OldTree> {
  return Promise.all(
    tree.map(async ({ path }): Promise<OldTree[number]> => {
      const bytes = Buffer.concat([Buffer.from(`${target}/`), Buffer.from(path, "latin1")]);
      const { type, mode, modified, size } = lstat(fromBytes(bytes));
      const mtime = BigInt(modified.seconds) * 1_000_000_000n + BigInt(modified.nanoseconds);
      const common = { path, mode, mtime_ns: String(mtime) };
      if (type === "link") return { type, ...common, target: await readlink(bytes) };
      if (type !== "file") return { type: type === "fifo" ? "fifo" : "folder", ...common };
      const sha256 = createHash("sha256")
        .update(await readFile(bytes))
        .digest("hex");
      return { type, ...common, size, sha256 };
    }),
  );
}

/** Versions of all that holds content. */
async function contentVersions(bucket: Bucket): Promise<string[]> {
  const pages = [bucket.listVersions("packs/"), bucket.listVersions("content/")].map((list) => Array.fromAsync(list));
  return (await Promise.all(pages)).flat(2).map(({ key, version }) => `${key} ${version}`);
}

describe.each(cases)("a bucket of $name that $commit made", ({ commit, name, again, ...content }) => {
  test("a bucket of $name that $commit made restores its newest backup and its oldest", async () => {
    await using old = await OldBuckets.open(commit);
    const bucket = await open(old.bucketPath(name));
    const tree = old.tree.filter(({ path }) => name !== "raw" || path !== large);
    const [newest, oldest] = ["newest", "oldest"].map((folder) => join(old.scratch.path, folder));
    expect(await restoreInto(newest ?? "", bucket, name)).toEqual([]);
    expect(await found(newest ?? "", tree)).toEqual(tree);
    const [first] = await Array.fromAsync(listBackups({ bucket, now }, name));
    expect(await restoreInto(oldest ?? "", bucket, first?.key ?? "")).toEqual([]);
    const motd = await readFile(join(oldest ?? "", "srv/old-tree/etc/motd"), "utf8");
    expect(motd).toBe("Welcome to the old machine.\n");
    const dump = await readFile(join(newest ?? "", "sysbackup-snapshots/numbers"), "utf8");
    expect(dump.split("\n").length).toBe(5001);
  });

  test("a bucket of $name that $commit made verifies, read to the last byte", async () => {
    await using old = await OldBuckets.open(commit);
    const bucket = await open(old.bucketPath(name));
    const sources = (await Array.fromAsync(listBackups({ bucket, now }, name))).map(({ key }) =>
      findManifest(bucket, key, tools),
    );
    const options = {
      bucket,
      sources: await Promise.all(sources),
      read: () => true,
      now,
      judges: { serverTime: now },
      onProgress: () => {},
      signal,
    };
    const verdict = await verify(options, ({ findings, ...verdict }) => ({ ...verdict, findings: [...findings()] }));
    expect(verdict).toMatchObject({ state: "restorable", findings: [], lost: 0 });
    expect(verdict.backups.length).toBe(2);
    expect(verdict.read?.objects).toBeGreaterThan(1);
  });

  test.each(["kept", "lost"])(
    "a bucket of $name that $commit made goes on with its state %s, and stores no content again but sparse files in objects",
    async (state) => {
      await using old = await OldBuckets.open(commit);
      const bucket = await open(old.bucketPath(name));
      if (state === "kept") await old.moveState(name, bucket.url);
      else await old.loseState();
      const target = join(old.scratch.path, "target");
      expect(await restoreInto(target, bucket, name)).toEqual([]);
      const folders = { pickersDir: join(old.scratch.path, "pickers.d"), snapshotsDir: join(old.scratch.path, "none") };
      await mkdir(folders.pickersDir);
      await script(folders.pickersDir, "all", `find '${target}/srv' -print0`);

      const before = await contentVersions(bucket);
      const { heard, notify } = notebook();
      const job = jobFor({ bucket, name, stateDir: old.stateDir, content, notify, now, ...folders });
      const summary = await archive(job);
      expect(heard.filter((line) => !line.startsWith("info"))).toEqual([]);
      expect(summary).toMatchObject({ objectsStored: again, warnings: 0, errors: 0 });
      expect(summary.new).toBeGreaterThan(9);
      const after = await contentVersions(bucket);
      expect(after).toEqual(expect.arrayContaining(before));
      expect(after.length).toBe(before.length + again);

      const restored = join(old.scratch.path, "restored");
      expect(await restoreInto(restored, bucket, summary.key)).toEqual([]);
      const tree = old.tree.filter(({ path }) => name !== "raw" || path !== large);
      expect(await found(join(restored, target), tree)).toEqual(tree);
    },
  );
});
