/** An example snapshotter put to use: into a bucket in a directory, and back through its own restore command. */
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { takeSnapshots } from "../../core/archive/snapshotting/take.ts";
import { wholeDumps } from "../../core/archive/snapshotting/whole.ts";
import type { Bucket } from "../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import { isWhole, type WholeSnapshot } from "../../core/format/manifest/manifest.ts";
import { type Finished, pipeInto } from "../../core/system/processes/process.ts";
import { notebook, script } from "../core/archive/scripts.ts";
import { scratch } from "../support/faults/scratch.ts";

export const examples = resolve(import.meta.dir, "../../examples");

export type Taken = AsyncDisposable & {
  readonly ref: WholeSnapshot;
  /** Notices of the run. */
  readonly heard: readonly string[];
  /** What is stored, decompressed. */
  read(): Promise<Buffer>;
  restore(): Promise<Finished>;
};

/** Runs `examples/snapshots.d/<name>` with these variables set, as its user sets those at its top. */
export async function take(name: string, variables: Readonly<Record<string, string>>): Promise<Taken> {
  const folder = await scratch();
  const store = await scratch();
  const settings = Object.entries(variables).map(([variable, value]) => `export ${variable}='${value}'`);
  await script(folder.path, name, [...settings, `exec '${join(examples, "snapshots.d", name)}' "$@"`].join("\n"));
  const now = () => new Date("2026-11-21T02:00:03Z");
  const bucket = await openDirectoryBucket(store.path, { now, random: Math.random });
  const { heard, notify } = notebook();
  const taken = await takeSnapshots({
    folder: folder.path,
    store: wholeDumps({
      name: "host",
      target: { bucket, retention: { mode: "GOVERNANCE", until: new Date("2026-12-28T02:00:03Z") }, filters: [] },
      compression: { codec: "zstd", level: 3 },
    }),
    stateDir: store.path,
    timeoutMs: 60_000,
    now,
    notify,
  });
  const [ref] = taken.filter(isWhole);
  if (ref === undefined) throw new Error(`no snapshot: ${heard.join("; ")}`);
  return {
    ref,
    heard,
    read: async () => Buffer.concat(await Array.fromAsync(contentOf(bucket, ref))),
    restore: () => {
      if (ref.restore_through === undefined) throw new Error("there is no restore command");
      return pipeInto({ command: ref.restore_through, input: contentOf(bucket, ref) });
    },
    [Symbol.asyncDispose]: async () => {
      await bucket.close();
      await folder[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

function contentOf(bucket: Bucket, { key, version, encoding }: WholeSnapshot): AsyncIterable<Uint8Array> {
  const stored = bucket.get(key, { version });
  if (encoding === "none") return stored;
  return Readable.from(stored).pipe(encoding === "zstd" ? createZstdDecompress() : createGunzip());
}
