import { describe, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { type SnapshotsDeps, takeSnapshots } from "../../../../core/archive/snapshotting/take.ts";
import { wholeDumps } from "../../../../core/archive/snapshotting/whole.ts";
import { type Bucket, BucketError, type BucketErrorKind } from "../../../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { Failure } from "../../../../core/failure.ts";
import type { Compression } from "../../../../core/format/codecs/codec.ts";
import { isWhole, type WholeSnapshot } from "../../../../core/format/manifest/manifest.ts";
import type { WriteTarget } from "../../../../core/stored/write.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { notebook, script } from "../scripts.ts";

const now = () => new Date("2026-11-21T02:00:03Z");
const retention = { mode: "GOVERNANCE", until: new Date("2026-12-28T02:00:03Z") } as const;
const zstd = { codec: "zstd", level: 3 } as const;

type TakeOptions = Partial<SnapshotsDeps> & {
  readonly bucket?: WriteTarget["bucket"];
  readonly compression?: Compression;
};

type Run = AsyncDisposable & {
  readonly folder: string;
  readonly bucket: Bucket;
  readonly heard: readonly string[];
  take(options?: TakeOptions): Promise<WholeSnapshot[]>;
  /** Bytes and metadata of a stored object. */
  fetch(key: string, version: string): Promise<{ bytes: Buffer; metadata: Readonly<Record<string, string>> }>;
};

async function prepare(scripts: Readonly<Record<string, string>>): Promise<Run> {
  const folder = await scratch();
  const store = await scratch();
  for (const [name, body] of Object.entries(scripts)) await script(folder.path, name, body);
  const bucket = await openDirectoryBucket(store.path, { now, random: Math.random });
  const { heard, notify } = notebook();
  return {
    folder: folder.path,
    bucket,
    heard,
    take: async ({ bucket: target = bucket, compression = zstd, ...options } = {}) => {
      const refs = await takeSnapshots({
        folder: folder.path,
        store: wholeDumps({ name: "host", target: { bucket: target, retention, filters: [] }, compression }),
        stateDir: store.path,
        timeoutMs: 10_000,
        now,
        notify,
        ...options,
      });
      return refs.filter(isWhole);
    },
    fetch: async (key, version) => ({
      bytes: Buffer.concat(await Array.fromAsync(bucket.get(key, { version }))),
      metadata: (await bucket.head(key, version))?.metadata ?? {},
    }),
    [Symbol.asyncDispose]: async () => {
      await bucket.close();
      await folder[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function objectsOf(bucket: Bucket): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(""))).flat().map(({ key }) => key);
}

function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

const text = "a dump that repeats itself\n".repeat(1000);
const dumpText = `yes 'a dump that repeats itself' | head -n 1000 >&"$1"`;
/** More than the first part of an upload holds, and does not compress. */
const dumpNoise = `head -c 10000000 /dev/urandom >&"$1"`;

describe("a snapshot", () => {
  test("a snapshot is stored compressed, with all that is known of it", async () => {
    await using run = await prepare({ "my db": `echo my database; echo '::restore-through:: cat'; ${dumpText}` });
    const [ref, ...more] = await run.take();
    if (ref === undefined) throw new Error("no snapshot");
    const { bytes, metadata } = await run.fetch(ref.key, ref.version);
    expect(more).toEqual([]);
    expect(ref).toEqual({
      snapshotter: "my_db",
      key: "snapshots/host/20261121T020003Z-my_db.zst",
      version: ref.version,
      size: bytes.length,
      sha256: sha256(bytes),
      encoding: "zstd",
      dump_size: text.length,
      dump_sha256: sha256(text),
      restore_through: "cat",
      description: "my database",
      exit: 0,
    });
    expect(zstdDecompressSync(bytes).toString()).toBe(text);
    expect(metadata).toEqual({ "restore-through": "cat", "backup-output": "my database" });
    expect((await run.bucket.head(ref.key))?.retention).toEqual(retention);
    expect(run.heard).toEqual([]);
  });

  test("a snapshot is gzip if that is configured", async () => {
    await using run = await prepare({ db: dumpText });
    const [ref] = await run.take({ compression: { codec: "gzip", level: 6 } });
    expect(ref?.key).toBe("snapshots/host/20261121T020003Z-db.gz");
    const { bytes } = await run.fetch(ref?.key ?? "", ref?.version ?? "");
    expect(gunzipSync(bytes).toString()).toBe(text);
  });

  const asItIs: readonly [name: string, body: string, codec: "zstd" | "none"][] = [
    ["compression is off", dumpText, "none"],
    ["its beginning does not shrink", `head -c 70000 /dev/urandom >&"$1"; ${dumpText}`, "zstd"],
  ];
  test.each(asItIs)("a snapshot is stored as it is if %s", async (_name, body, codec) => {
    await using run = await prepare({ db: body });
    const [ref] = await run.take({ compression: { codec, level: 3 } });
    expect(ref).toMatchObject({ key: "snapshots/host/20261121T020003Z-db", encoding: "none" });
    expect(ref?.size).toBe(ref?.dump_size ?? -1);
    expect(ref?.sha256).toBe(ref?.dump_sha256 ?? "");
  });

  test("a snapshot may be written through the descriptor's name", async () => {
    await using run = await prepare({ db: `echo -n dump | tee "/dev/fd/$1" >/dev/null` });
    expect(await run.take()).toMatchObject([{ dump_sha256: sha256("dump") }]);
  });

  test("snapshots are taken one after the other", async () => {
    await using meeting = await scratch();
    const alone = `mkdir '${meeting.path}/busy' || exit 1; sleep 0.05; rmdir '${meeting.path}/busy'; echo x >&"$1"`;
    await using run = await prepare({ b: alone, a: alone, c: alone });
    const refs = await run.take();
    expect(refs.map(({ snapshotter, exit }) => [snapshotter, exit])).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 0],
    ]);
  });

  test("a snapshot larger than an upload's first part has in its metadata what was said before it", async () => {
    await using run = await prepare({
      early: `echo early; echo '::restore-through:: cat'; sleep 0.1; ${dumpNoise}; echo late`,
      late: `${dumpNoise}; echo late; echo '::restore-through:: cat'`,
    });
    // As S3 does: the metadata is sent when the upload is begun.
    const bucket: WriteTarget["bucket"] = {
      put: run.bucket.put.bind(run.bucket),
      startUpload: (key, options) => run.bucket.startUpload(key, { ...options }),
    };
    const [early, late] = await run.take({ bucket });
    if (early === undefined || late === undefined) throw new Error("no snapshots");
    expect(early).toMatchObject({ dump_size: 10_000_000, description: "early\nlate", restore_through: "cat" });
    expect(late).toMatchObject({ dump_size: 10_000_000, description: "late", restore_through: "cat" });
    const { bytes, metadata } = await run.fetch(early.key, early.version);
    expect(metadata).toMatchObject({ "restore-through": "cat" });
    expect(sha256(bytes)).toBe(early.dump_sha256);
    expect((await run.fetch(late.key, late.version)).metadata).toEqual({});
  });

  test("a snapshot that is small has in its metadata also what was said after it", async () => {
    await using run = await prepare({ db: `${dumpText}; exec 3>&-; sleep 0.1; echo '::restore-through:: cat'` });
    const [ref] = await run.take();
    expect((await run.fetch(ref?.key ?? "", ref?.version ?? "")).metadata).toEqual({ "restore-through": "cat" });
  });

  test("a snapshot reports its progress in bytes of the dump", async () => {
    await using run = await prepare({ db: dumpNoise });
    let bytes = 0;
    await run.take({
      onBytes: (count) => {
        bytes += count;
      },
    });
    expect(bytes).toBe(10_000_000);
  });
});

describe("a snapshotter", () => {
  const failures: readonly [name: string, body: string, exit: number | null, message: string][] = [
    ["exits with a status", `echo -n part >&"$1"; echo oh no >&2; exit 3`, 3, "exited with status 3: oh no"],
    ["is killed", `echo -n part >&"$1"; kill -9 $$`, null, "was ended by SIGKILL"],
    ["hangs", `echo -n part >&"$1"; exec sleep 60`, null, "was ended after 0.3 s of silence"],
  ];
  test.each(failures)(
    "the dump of a snapshotter that %s is stored and marked, and the others go on",
    async (_name, body, exit, message) => {
      await using run = await prepare({ bad: body, good: dumpText });
      expect(await run.take({ timeoutMs: 300 })).toMatchObject([
        { snapshotter: "bad", exit, dump_sha256: sha256("part") },
        { snapshotter: "good", exit: 0 },
      ]);
      expect(run.heard).toEqual([
        `warning snapshotter-failed: snapshotter "bad" ${message}; what it had dumped is stored, marked as failed`,
      ]);
    },
  );

  test("a snapshotter that fails and dumps nothing has no snapshot", async () => {
    await using run = await prepare({ bad: "exit 1", good: dumpText });
    expect((await run.take()).map(({ snapshotter }) => snapshotter)).toEqual(["good"]);
    expect(await objectsOf(run.bucket)).toEqual(["snapshots/host/20261121T020003Z-good.zst"]);
    expect(run.heard).toEqual([
      `warning snapshotter-failed: snapshotter "bad" exited with status 1; nothing of it is stored`,
    ]);
  });

  test("a snapshotter that dumps nothing and succeeds has an empty snapshot, and a warning", async () => {
    await using run = await prepare({ empty: "echo nothing to do" });
    expect(await run.take()).toMatchObject([{ size: 0, dump_size: 0, encoding: "none", exit: 0, sha256: sha256("") }]);
    expect(run.heard).toEqual([`warning snapshot-empty: snapshotter "empty" dumped nothing: its snapshot is empty`]);
  });

  test("a snapshotter that succeeds may talk on stderr", async () => {
    await using run = await prepare({ db: `${dumpText}; echo done >&2` });
    await run.take();
    expect(run.heard).toEqual([`info snapshotter-said: snapshotter "db" said: done`]);
  });

  test("a snapshotter whose restore command is too long has none, and a warning", async () => {
    await using run = await prepare({ db: `printf '::restore-through:: %070000d\\n' 1; ${dumpText}` });
    expect((await run.take())[0]).not.toHaveProperty("restore_through");
    expect(run.heard).toEqual([
      `warning snapshotter-nonsense: snapshotter "db" gave a restore command longer than 64 KiB: not kept`,
    ]);
  });

  test("a snapshotter that waits for a slow upload is not silent", async () => {
    await using run = await prepare({ db: `head -c 40000000 /dev/urandom >&"$1"` });
    const slow: WriteTarget["bucket"] = {
      put: run.bucket.put.bind(run.bucket),
      startUpload: async (key, options) => {
        const upload = await run.bucket.startUpload(key, options);
        const part = async (number: number, body: Uint8Array) => {
          await Bun.sleep(number === 1 ? 3_000 : 0);
          await upload.part(number, body);
        };
        return { part, complete: () => upload.complete(), abort: () => upload.abort() };
      },
    };
    expect(await run.take({ bucket: slow, timeoutMs: 2_000 })).toMatchObject([{ dump_size: 40_000_000, exit: 0 }]);
    expect(run.heard).toEqual([]);
  });
});

describe("a bucket that refuses", () => {
  const refusing = (bucket: Bucket, kind: BucketErrorKind): WriteTarget["bucket"] => {
    const refuse = () => {
      throw new BucketError(kind, { doing: "store", what: "it", why: "it is so" });
    };
    return {
      put: async (key, body, options) => (key.endsWith("-bad.zst") ? refuse() : bucket.put(key, body, options)),
      startUpload: async (key, options) => (key.endsWith("-bad") ? refuse() : bucket.startUpload(key, options)),
    };
  };

  test("a bucket that refuses one snapshot is an error, and others go on", async () => {
    await using run = await prepare({ bad: dumpText, good: dumpText });
    const refs = await run.take({ bucket: refusing(run.bucket, "denied") });
    expect(refs.map(({ snapshotter }) => snapshotter)).toEqual(["good"]);
    expect(run.heard).toEqual([
      `error snapshot-not-stored: snapshotter "bad" was ended, because its dump cannot be stored: cannot store "it": it is so`,
    ]);
  });

  test("a large snapshot on its way has its snapshotter ended", async () => {
    await using run = await prepare({ bad: `echo $$ >"$0.pid"; chmod -x "$0.pid"; exec cat /dev/urandom >&"$1"` });
    expect(await run.take({ bucket: refusing(run.bucket, "full") })).toEqual([]);
    expect(run.heard).toHaveLength(1);
    expect(await isGone(Number(await Bun.file(join(run.folder, "bad.pid")).text()))).toBe(true);
  });

  test.each(["credentials", "no-bucket", "no-lock", "unreachable"] as const)(
    "a bucket that refuses all with %s is thrown",
    async (kind) => {
      await using run = await prepare({ bad: dumpText, good: dumpText });
      expect(run.take({ bucket: refusing(run.bucket, kind) })).rejects.toMatchObject({ kind });
      expect(run.heard).toEqual([]);
    },
  );
});

test("what is no error of the bucket ends the run, as of a filter that fails", async () => {
  await using run = await prepare({ db: dumpText });
  const store = () => Promise.reject(new Failure({ doing: "seal an object", why: "age ended with status 7" }));
  await expect(run.take({ store })).rejects.toThrow("cannot seal an object");
  expect(run.heard).toEqual([]);
});

describe("the signal", () => {
  test("the signal ends the snapshotter and leaves no object and no upload, and its reason is thrown", async () => {
    await using run = await prepare({ db: `echo $$ >"$0.pid"; exec cat /dev/urandom >&"$1"` });
    const abort = new AbortController();
    let bytes = 0;
    const taking = run.take({
      signal: abort.signal,
      onBytes: (count) => {
        bytes += count;
        if (bytes > 30_000_000) abort.abort(new Error("enough"));
      },
    });
    expect(taking).rejects.toThrow("enough");
    await taking.catch(() => {});
    expect(await isGone(Number(await Bun.file(join(run.folder, "db.pid")).text()))).toBe(true);
    expect(await objectsOf(run.bucket)).toEqual([]);
    expect(await filesIn(new URL(run.bucket.url).pathname)).toBe(0);
    expect(run.heard).toEqual([]);
  });

  test("the signal before any output ends the snapshotter and leaves no object and no upload, too", async () => {
    await using run = await prepare({ db: "exec sleep 60" });
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), 100);
    expect(run.take({ signal: abort.signal })).rejects.toThrow("enough");
    expect(run.heard).toEqual([]);
  });
});

async function filesIn(folder: string): Promise<number> {
  return (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
}

async function isGone(pid: number): Promise<boolean> {
  const stat = await Bun.file(`/proc/${pid}/stat`)
    .text()
    .catch(() => ") Z");
  return stat.split(") ")[1]?.[0] === "Z";
}
