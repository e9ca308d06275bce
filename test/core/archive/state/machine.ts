/** A machine as the index knows it: a bucket and a state database, without any files. */
import type { Database } from "bun:sqlite";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openState, statePath } from "../../../../core/archive/state/database.ts";
import { syncIndex, syncVerified } from "../../../../core/archive/state/index/index-sync.ts";
import { ChunkTable } from "../../../../core/archive/state/tables/chunks.ts";
import { ObjectTable } from "../../../../core/archive/state/tables/objects.ts";
import type { Bucket } from "../../../../core/bucket/contract.ts";
import { type Counts, count, noCounts } from "../../../../core/bucket/decorators/count.ts";
import { openDirectoryBucket } from "../../../../core/bucket/directory/bucket.ts";
import { encodeIndex, type IndexLine } from "../../../../core/format/index/index-object.ts";
import { encodeVerified } from "../../../../core/format/index/verified-object.ts";
import { keys } from "../../../../core/format/keys/keys.ts";
import { scratch } from "../../../support/faults/scratch.ts";
import { sha256 } from "../backup.ts";
import { notebook } from "../scripts.ts";

export const start = new Date("2026-11-21T02:00:03Z");
export const until = new Date("2026-12-28T02:00:03Z");
const minimumLockEnd = new Date("2026-11-23T02:00:03Z");
export const retention = { mode: "GOVERNANCE", until } as const;
export const hour = 3_600_000;

export class Machine implements AsyncDisposable {
  readonly #dispose: () => PromiseLike<void>;

  readonly counts: Counts = noCounts();
  readonly bucket: Bucket;

  private constructor(
    readonly database: Database,
    bucket: Bucket,
    dispose: () => PromiseLike<void>,
  ) {
    this.#dispose = dispose;

    this.bucket = count(bucket, this.counts);
  }

  static async make(): Promise<Machine> {
    const folder = await scratch();
    await mkdir(join(folder.path, "bucket"));
    const bucket = await openDirectoryBucket(join(folder.path, "bucket"), { now: () => start, random: Math.random });
    const database = openState(statePath(folder.path, "host"), bucket.url);
    return new Machine(database, bucket, async () => {
      database.close();
      await folder[Symbol.asyncDispose]();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  /** Puts an index object of another host, with these lines or bytes. Returns its key. */
  async tell(name: string, lines: readonly IndexLine[] | Uint8Array, time = start): Promise<string> {
    const key = keys.index(name, { start: time, run: "0123abcd" });
    const text = lines instanceof Uint8Array ? lines : Buffer.from([...encodeIndex(name, "0123abcd", lines)].join(""));
    await this.bucket.put(key, lines instanceof Uint8Array ? lines : Bun.zstdCompressSync(text), { retention });
    return key;
  }

  /** Puts a verified object with these lines. */
  async verified(lines: readonly IndexLine[], time = start): Promise<void> {
    const text = Buffer.from([...encodeVerified("0123abcd", lines)].join(""));
    await this.bucket.put(keys.verified({ start: time, run: "0123abcd" }), Bun.zstdCompressSync(text), { retention });
  }

  /** Reads the index; the requests that it took. */
  async sync(
    share: readonly string[] = ["*"],
    signal = new AbortController().signal,
  ): Promise<{ heard: string[]; list: number; get: number }> {
    const before = { ...this.counts };
    const { heard, notify } = notebook();
    const { bucket, database } = this;
    const deps = { bucket, database, name: "host", shareWith: share, minimumLockEnd, now: start, notify, signal };
    await syncIndex(deps);
    await syncVerified(deps);
    return { heard, list: this.counts.list - before.list, get: this.counts.get - before.get };
  }

  /** Where the chunk with this content is known to lie: `key at frame+offset`. */
  place(text: string): string | undefined {
    const place = new ChunkTable(this.database).get(Buffer.from(sha256(Buffer.from(text)), "hex"));
    if (place === undefined) return undefined;
    return `${shortNames.get(new ObjectTable(this.database).get(place.object).key)} at ${place.frameOffset}+${place.offset}`;
  }

  lockedUntil(key: string): string | undefined {
    return this.database
      .query<{ until: number }, [string]>("SELECT retain_until AS until FROM objects WHERE key = ?")
      .all(packKey(key))
      .map((row) => new Date(row.until).toISOString())
      .join();
  }
}

const shortNames = new Map<string, string>();

/** The key of the pack that tests call so. */
export function packKey(shortName: string): string {
  const key = keys.pack(sha256(Buffer.from(shortName)));
  shortNames.set(key, shortName);
  return key;
}

/** The line which says that the lock of a pack was extended. */
export function extended(key: string, time: string): IndexLine[] {
  return [{ extended: { key: packKey(key), version: `v-${key}`, retain_until: time } }];
}

/** An object line, and lines of frames with the chunks of these texts. */
export function pack(key: string, frames: readonly (readonly string[])[], lockedUntil = until): IndexLine[] {
  const object = {
    key: packKey(key),
    version: `v-${key}`,
    size: 10_000,
    encoding: "frames" as const,
    retain_until: lockedUntil.toISOString(),
  };
  const lines = frames.map((texts, number): IndexLine => {
    const chunks = texts.map((text): [string, number] => [sha256(Buffer.from(text)), text.length]);
    return { frame: [0, number * 100, 100, chunks] };
  });
  return [{ object }, ...lines];
}
