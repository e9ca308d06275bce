/** Run as a program: restores a manifest, and kills itself after so many reports of progress. The last word has options as JSON. */
import { randomBytes } from "node:crypto";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { readManifest } from "../../core/manifest/read.ts";
import { restore } from "../../restore/restore.ts";
import { killedOptions } from "./killed-options.ts";

const [bucketPath = "", key = "", target = "", most = "", json = "{}"] = Bun.argv.slice(2);
const { removes, ...options } = killedOptions.parse(JSON.parse(json));
const kill = () => process.kill(process.pid, "SIGKILL");
const bucket = await openDirectoryBucket(bucketPath, { now: () => new Date(), random: Math.random });
let reports = 0;
await restore({
  bucket,
  manifest: await readManifest(bucket, { key }),
  target,
  paths: [],
  numericOwner: false,
  ...options,
  // The files are restored by then, and what is to be removed is known.
  ...(removes && { removal: { spared: [], confirm: async () => (kill() ? "yes" : "no") } }),
  snapshots: "skip",
  ask: () => Promise.reject(new Error("nothing was to be asked")),
  notify: () => {},
  random: randomBytes,
  onProgress: ({ bytes }) => {
    if (bytes > 0) reports += 1;
    if (reports === Number(most)) kill();
  },
  signal: new AbortController().signal,
});
