/** Run as a program: restores a manifest, and kills itself after so many reports of progress. */
import { randomBytes } from "node:crypto";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { readManifest } from "../../core/manifest/read.ts";
import { restore } from "../../restore/restore.ts";

const [bucketPath = "", key = "", target = "", most = ""] = Bun.argv.slice(2);
const bucket = await openDirectoryBucket(bucketPath, { now: () => new Date(), random: Math.random });
let reports = 0;
await restore({
  bucket,
  manifest: await readManifest(bucket, { key }),
  target,
  paths: [],
  numericOwner: false,
  snapshots: "skip",
  ask: () => Promise.reject(new Error("nothing was to be asked")),
  notify: () => {},
  random: randomBytes,
  onProgress: ({ bytes }) => {
    if (bytes > 0) reports += 1;
    if (reports === Number(most)) process.kill(process.pid, "SIGKILL");
  },
  signal: new AbortController().signal,
});
