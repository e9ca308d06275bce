/** Run as a program, under another user: restores a manifest, prints figures, exit status and notices as JSON. */
import { randomBytes } from "node:crypto";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { readManifest } from "../../core/manifest/read.ts";
import type { Notice } from "../../core/notice.ts";
import { exitOf, restore } from "../../restore/restore.ts";

const [bucketPath = "", key = "", target = ""] = Bun.argv.slice(2);
const bucket = await openDirectoryBucket(bucketPath, { now: () => new Date(), random: Math.random });
const notices: Notice[] = [];
const figures = await restore({
  bucket,
  manifest: await readManifest(bucket, { key }),
  target,
  paths: [],
  numericOwner: false,
  snapshots: "skip",
  ask: () => Promise.reject(new Error("nothing was to be asked")),
  random: randomBytes,
  notify: (notice) => notices.push(notice),
  onProgress: () => {},
  signal: new AbortController().signal,
});
console.log(JSON.stringify({ figures, exit: exitOf(figures), notices }));
