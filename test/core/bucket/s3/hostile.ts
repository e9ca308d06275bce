/** Opens a bucket at a server that is not kind, and names its calls. */
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { type RequestBounds, usualBounds } from "../../../../core/bucket/s3/bounds.ts";
import { openS3Bucket } from "../../../../core/bucket/s3/bucket.ts";

/** Milliseconds in place of seconds, for tests of what becomes of a server that lets us wait: no other server answers in time on every machine. */
export const shortBounds: RequestBounds = { ...usualBounds, silence: 600, answer: 1500, cleanup: 300, connect: 600 };

export type HostileOpening = { readonly bounds?: RequestBounds; readonly signal?: AbortSignal };

export function openAt(endpoint: string, { bounds = usualBounds, signal }: HostileOpening = {}): Promise<Bucket> {
  const credentials = async () => ({ accessKeyId: "AKIDTEST", secretAccessKey: "not-a-secret" });
  return openS3Bucket({
    bucket: "the-bucket",
    region: "us-east-1",
    endpoint,
    pathStyle: true,
    credentials,
    bounds,
    signal,
  });
}

const retention = { mode: "GOVERNANCE", until: new Date("2036-01-01T00:00:00Z") } as const;

async function all<T>(pages: AsyncIterable<T>): Promise<number> {
  let count = 0;
  for await (const _ of pages) count += 1;
  return count;
}

/** One call for each request that a bucket makes. */
export const calls: Readonly<Record<string, (bucket: Bucket) => Promise<unknown>>> = {
  put: (bucket) => bucket.put("k", Buffer.from("x"), { retention }),
  "large put": (bucket) => bucket.put("k", Buffer.alloc(32 * 1024 * 1024), { retention }),
  startUpload: (bucket) => bucket.startUpload("k", { retention }),
  extend: (bucket) => bucket.extend("k", "v", retention),
  get: (bucket) => all(bucket.get("k")),
  range: (bucket) => all(bucket.get("k", { version: "v", range: { start: 0, length: 100_000 } })),
  head: (bucket) => bucket.head("k", "v"),
  retention: (bucket) => bucket.retention("k", "v"),
  list: (bucket) => all(bucket.list("p/")),
  listVersions: (bucket) => all(bucket.listVersions("p/")),
  remove: (bucket) => bucket.remove("k", "v"),
};
