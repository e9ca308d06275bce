/** The peak memory of a bundle that is sent in many parts to the real gateway, which gets none of them. */
import { expect } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { type FaultProxy, faultProxy } from "../support/faults/proxy.ts";
import { sysbackupPeak } from "../support/peak.ts";
import { programInShell, writeConf } from "../support/program.ts";
import { run } from "../support/services/command.ts";
import { type CephAddress, ceph, clientConfig } from "../support/services.ts";
import { places } from "./places.ts";

const MiB = 1024 ** 2;
const GiB = 1024 ** 3;
const [, overNetwork] = places;

/** Parts that the program sends at once. */
const partsAtOnce = 10;
/** Milliseconds after which a part that came alone is taken. */
const longestPart = 2_000;

/** A gateway that keeps all but the parts of uploads, of which it has ten under way as long as they come. */
class Discarding implements Disposable {
  readonly #proxy: FaultProxy;
  #waiting: (() => void)[] = [];
  /** Bytes of parts that came. */
  bytes = 0;
  mostAtOnce = 0;

  constructor(service: CephAddress) {
    this.#proxy = faultProxy(service.endpoint, (request, forward) => {
      const { searchParams, pathname } = new URL(request.url);
      if (!searchParams.has("uploadId") || request.method === "DELETE") return forward();
      return request.method === "PUT" ? this.#part(request) : completed(service, pathname);
    });
  }

  get endpoint(): string {
    return this.#proxy.endpoint;
  }

  async #part(request: Request): Promise<Response> {
    for await (const piece of request.body ?? []) this.bytes += piece.byteLength;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#waiting.length);
    if (this.#waiting.length === partsAtOnce) this.#waiting.shift()?.();
    const timer = setTimeout(resolve, longestPart);
    await promise;
    clearTimeout(timer);
    this.#waiting = this.#waiting.filter((one) => one !== resolve);
    return new Response(null, { headers: { ETag: `"${"0".repeat(32)}"` } });
  }

  [Symbol.dispose](): void {
    this.#proxy[Symbol.dispose]();
  }
}

/** Puts an object of one byte in place of the upload, so that all that follows is as always. */
async function completed(service: CephAddress, path: string): Promise<Response> {
  const [, Bucket = "", ...key] = decodeURIComponent(path).split("/");
  const client = new S3Client(clientConfig(service));
  const put = await client.send(new PutObjectCommand({ Bucket, Key: key.join("/"), Body: "x" }));
  client.destroy();
  const version = put.VersionId ?? "";
  const body = `<CompleteMultipartUploadResult><Key>${path}</Key><ETag>"0-1"</ETag></CompleteMultipartUploadResult>`;
  return new Response(body, { headers: { "x-amz-version-id": version } });
}

/**
 * Writes a program that is sysbackup in a mount namespace of its own, in which the tree has a folder of random bytes so many times, each
 * time with the same GiB.
 */
async function withGiB(dir: string, tree: string, times: number): Promise<string> {
  const path = join(dir, `with${times}`);
  const mounts = `for n in $(seq ${times}); do mkdir -p '${tree}'/$n; mount --bind '${dir}/random' '${tree}'/$n; done`;
  const script = `#!/bin/sh\n[ -n "$ALONE" ] || ALONE=1 exec unshare --mount "$0" "$@"\n${mounts}\nexec ${programInShell} "$@"\n`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

/** Makes the GiB of which bundles of `peakOf` consist. */
export async function writeGiB(dir: string): Promise<void> {
  await mkdir(join(dir, "random"));
  const file = join(dir, "random", "file");
  await run(["dd", "if=/dev/urandom", `of=${file}`, "bs=1M", `count=${GiB / MiB}`, "status=none"]);
}

/** Returns the peak, in MiB, of the program that bundles so many GiB. Needs root, to mount the one that there is so often. */
export async function peakOf(dir: string, times: number): Promise<number> {
  if (ceph === undefined || overNetwork === undefined) throw new Error("the Ceph gateway is not running");
  using gateway = new Discarding(ceph);
  const place = join(dir, String(times));
  const tree = join(place, "tree");
  await mkdir(tree, { recursive: true });
  const { s3, ...sections } = await overNetwork.newBucket(place);
  const { conf } = await writeConf(place, { sections: { ...sections, s3: { ...s3, endpoint: gateway.endpoint } } });
  const words = ["bundle", "--backup-path", tree, "--storage-class", "STANDARD", "--conf-dir", conf];
  const { exit, stderr, peakMiB } = await sysbackupPeak(words, { executable: await withGiB(dir, tree, times) });
  if (exit !== 0) throw new Error(stderr);
  expect(gateway.bytes).toBeGreaterThan(times * GiB);
  expect(gateway.mostAtOnce).toBe(partsAtOnce);
  return peakMiB;
}
