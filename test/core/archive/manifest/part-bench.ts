/** Parts of a manifest on their own: rows of a state database, and a directory bucket. */
import { expect } from "bun:test";
import { zstdDecompressSync } from "node:zlib";
import { usedObjects } from "../../../../core/archive/locks/used-objects.ts";
import type { PartWriterDeps } from "../../../../core/archive/manifest/draft.ts";
import { EarlyParts } from "../../../../core/archive/manifest/early-parts.ts";
import { writeParts } from "../../../../core/archive/manifest/part-writer.ts";
import { BitSet } from "../../../../core/archive/state/tables/bit-set.ts";
import { FileTable } from "../../../../core/archive/state/tables/files.ts";
import { ObjectTable } from "../../../../core/archive/state/tables/objects.ts";
import { packExtents } from "../../../../core/archive/state/tables/packed-extents.ts";
import { wrapBucket } from "../../../../core/bucket/wrap.ts";
import type { FileEntry } from "../../../../core/format/entries/entry.ts";
import { encodeHead } from "../../../../core/format/entries/entry-json.ts";
import { textOf } from "../../../../core/format/lines/lines.ts";
import type { PartRef } from "../../../../core/format/manifest/manifest.ts";
import { decodePart } from "../../../../core/format/manifest/part.ts";
import type { ByteString } from "../../../../core/format/path.ts";
import { sha256 } from "../backup.ts";
import { StoreBench } from "../quilting/layouts/bench.ts";

const retention = { mode: "GOVERNANCE", until: new Date("2026-12-28T02:00:03Z") } as const;
const digest = "0".repeat(64);

function head(path: ByteString, xattrs: FileEntry["xattrs"] = new Map()): string {
  return encodeHead({
    type: "file",
    path,
    owner: { user: "root", group: "root", uid: 0, gid: 0 },
    mode: 0o644,
    modified: { seconds: 1, nanoseconds: 0 },
    acl: undefined,
    xattrs,
    size: 10,
    holes: [],
    hardLink: undefined,
    warnings: [],
  });
}

type BeforePut = (puts: number) => Promise<void>;

export class PartBench implements AsyncDisposable {
  readonly #bench: StoreBench;

  private constructor(bench: StoreBench) {
    this.#bench = bench;
  }

  static async make(): Promise<PartBench> {
    return new PartBench(await StoreBench.make());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bench[Symbol.asyncDispose]();
  }

  object(key: string): number {
    return new ObjectTable(this.#bench.database).add(
      { key, version: "v", size: 100, encoding: "frames" },
      retention.until,
      true,
    );
  }

  /** Files of ten bytes, each from one frame of this object. */
  add(
    paths: Iterable<ByteString>,
    object: number,
    xattrs?: FileEntry["xattrs"],
    files = new FileTable(this.#bench.database),
  ): void {
    const extents = packExtents([{ object, frameOffset: 0, frameLength: 50, offset: 0, length: 10, sha256: digest }]);
    this.#bench.database.transaction(() => {
      for (const path of paths)
        files.set({ path, fingerprint: undefined, head: head(path, xattrs), extents, bytes: 10 });
    })();
  }

  /** Makes rows say that their files are longer than their content. */
  spoil(paths: readonly ByteString[]): void {
    const files = new FileTable(this.#bench.database);
    for (const path of paths) {
      const row = files.get(path);
      if (row !== undefined) files.set({ ...row, head: row.head.replace('"size":10', '"size":11') });
    }
  }

  has(path: ByteString | undefined): boolean {
    return path !== undefined && new FileTable(this.#bench.database).get(path) !== undefined;
  }

  remove(path: ByteString): void {
    new FileTable(this.#bench.database).remove(path);
  }

  readonly heard: string[] = [];

  /** The parts, the keys that were put for them, and the ids of all objects needed. */
  async write(expired: readonly number[] = [], beforePut: BeforePut = async () => {}) {
    const { deps, put } = this.#writing(expired, beforePut);
    const parts = await writeParts(deps);
    return { parts, put, used: usedObjects(this.#bench.database) };
  }

  /** Has the disk full for the next rows, as far as SQLite can see, until what it returns is called. */
  fillDisk(): () => void {
    const { database } = this.#bench;
    const { page_count } = database.query<{ page_count: number }, []>("PRAGMA page_count").get() ?? { page_count: 1 };
    database.run(`PRAGMA max_page_count = ${page_count}`);
    return () => database.run("PRAGMA max_page_count = 4294967294");
  }

  /** Starts to write parts while rows change through `files`, in a transaction. */
  ahead(beforePut: BeforePut = async () => {}) {
    this.#bench.database.run("BEGIN");
    const { deps, put } = this.#writing([], beforePut);
    const files = new FileTable(this.#bench.database);
    return { ahead: new EarlyParts(deps, files), files, put };
  }

  #writing(expired: readonly number[], beforePut: BeforePut) {
    const expiring = new BitSet();
    for (const id of expired) expiring.add(id);
    const { bucket, database } = this.#bench;
    const put: string[] = [];
    const watched: typeof bucket = wrapBucket(bucket, {
      put: async (key, body, options) => {
        put.push(key);
        await beforePut(put.length);
        return bucket.put(key, body, options);
      },
    });
    const target = { bucket: watched, retention, filters: [] };
    const notify: PartWriterDeps["notify"] = ({ message }) => this.heard.push(message);
    const deps: PartWriterDeps = { tree: "files", target, database, name: "host", expiring, notify };
    return { deps, put };
  }

  async read(part: PartRef) {
    const stored = await this.#bench.bytes(part.key);
    expect(part.key).toBe(`manifests/host/parts/${sha256(stored)}.jsonl.zst`);
    expect([part.sha256, part.size]).toEqual([sha256(stored), stored.length]);
    const { objects, entries } = decodePart(textOf(zstdDecompressSync(stored)));
    return { objects, entries: [...entries] as FileEntry[] };
  }
}

export const numbered = (count: number) =>
  Array.from({ length: count }, (_, number) => `/folder/${String(number).padStart(6, "0")}` as ByteString);
