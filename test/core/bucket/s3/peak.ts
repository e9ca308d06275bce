/** Makes one call at a hostile server in a process of its own, and prints the kind of its error and its peak memory in MiB. */
import { BucketError } from "../../../../core/bucket/contract.ts";
import { readAll } from "../../../../core/bucket/stream.ts";
import { calls, openAt } from "./hostile.ts";

const [endpoint = "", name = ""] = process.argv.slice(2);
const bounds = { ...(await import("../../../../core/bucket/s3/bounds.ts")).usualBounds, silence: 20_000 };
const bucket = await openAt(endpoint, { bounds });
const call = name === "index" ? () => readAll(bucket.get("index/a"), 64 * 1024 * 1024) : calls[name];
const kind = await call?.(bucket).then(
  () => "no error",
  (error: unknown) => (error instanceof BucketError ? error.kind : String(error)),
);
const status = await Bun.file("/proc/self/status").text();
console.log(JSON.stringify({ kind, peak: Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024) }));
process.exit(0);
