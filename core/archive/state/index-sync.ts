/**
 * Reads what other hosts, and this one before it lost its state, say they stored: their index objects, each once.
 */
import type { Database } from "bun:sqlite";
import { BucketError, type BucketReader } from "../../bucket/contract.ts";
import { readAll } from "../../bucket/stream.ts";
import { Failure, reasonOf } from "../../failure.ts";
import { FormatError } from "../../format/error.ts";
import { checkFrame } from "../../format/frame.ts";
import { decodeIndex, type IndexLine } from "../../format/index-object.ts";
import { type ManifestKey, parseIndexKey, prefixes } from "../../format/keys.ts";
import type { Notify } from "../../notice.ts";
import { ChunkTable } from "./chunks.ts";
import { FalseState } from "./false-state.ts";
import { ObjectTable } from "./objects.ts";

/** A run writes an index object at least every 4 GiB, so none comes near this. */
const mostStored = 256 * 1024 * 1024;
const mostContent = 1024 * 1024 * 1024;

export type IndexSync = {
  readonly bucket: BucketReader;
  readonly database: Database;
  /** Our own backup name. */
  readonly name: string;
  /** What is locked for less than that is not built upon. */
  readonly least: Date;
  /** Whether the index of this backup name is believed. */
  readonly believes: (name: string) => boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/**
 * An index object that is damaged is told of and passed over: its content is stored again. Throws a FalseState where the
 * bucket does not have what this host put there: it is another one of the same name, made anew or mounted in its
 * place, and nothing that the database says is in it.
 */
export async function syncIndex(sync: IndexSync): Promise<void> {
  for await (const [key, { name }] of unread(sync)) {
    sync.signal.throwIfAborted();
    if (sync.believes(name)) await readIndex(sync, key);
    rememberRead(sync.database, name, key);
  }
}

/** The newest index object of a name that this host knows of. */
export function rememberRead(database: Database, name: string, key: string): void {
  database
    .query("INSERT INTO index_read VALUES (?, ?) ON CONFLICT DO UPDATE SET key = max(key, excluded.key)")
    .run(name, key);
}

/** S3's pages have so many keys, but for the last. */
const fullPage = 1_000;

/**
 * Index keys after the last one read of each name. A bucket with few keys costs one request; where a page is full and ends
 * among keys that were read before, the listing begins anew at the last of them.
 */
async function* unread({ bucket, database, name }: IndexSync): AsyncGenerator<[string, ManifestKey]> {
  const lastRead = (of: string) =>
    database.query<{ key: string }, [string]>("SELECT key FROM index_read WHERE name = ?").get(of)?.key;
  const own = lastRead(name);
  let ownSeen = own === undefined;
  let after: string | undefined;
  for (let listed = false; !listed; ) {
    listed = true;
    for await (const page of bucket.list(prefixes.index, after)) {
      for (const { key } of page) {
        ownSeen ||= key === own;
        const parsed = parseIndexKey(key);
        if (parsed !== undefined && key > (lastRead(parsed.name) ?? "")) yield [key, parsed];
      }
      const end = page.at(-1)?.key;
      const read = end === undefined ? undefined : lastRead(parseIndexKey(end)?.name ?? "");
      if (page.length < fullPage || end === undefined || read === undefined || read <= end) continue;
      // Without its last character it sorts just before itself, so that it is seen.
      after = read.slice(0, -1);
      listed = false;
      break;
    }
  }
  if (!ownSeen) throw new FalseState(`the bucket does not have ${JSON.stringify(own)}, which was put there`);
}

async function readIndex(sync: IndexSync, key: string): Promise<void> {
  const { bucket, database, least, notify } = sync;
  try {
    const stored = await readAll(bucket.get(key), mostStored);
    checkFrame(stored, mostContent);
    const text = await Bun.zstdDecompress(stored);
    database.transaction((lines: Iterable<IndexLine>) => learn(database, lines, least))(decodeIndex(text));
  } catch (error) {
    // A bucket that does not answer, or a database that cannot be written, is no matter of this one object.
    if (!(error instanceof FormatError) && !isDamage(error) && !(await isGone(error, key, sync))) throw error;
    notify({
      level: "warning",
      code: "index-damaged",
      message: `the index object ${JSON.stringify(key)} is passed over: ${reasonOf(error)}; what it tells of is stored again`,
    });
  }
}

/**
 * S3 denies what is missing to a role that may not list the whole bucket: so it answers of an index object that a prune has removed
 * since it was listed.
 */
async function isGone(error: unknown, key: string, { bucket }: IndexSync): Promise<boolean> {
  if (!(error instanceof BucketError) || error.kind !== "denied") return false;
  // Without its last character the key sorts just before itself.
  for await (const page of bucket.list(prefixes.index, key.slice(0, -1)))
    return !page.some((found) => found.key === key);
  return true;
}

function isDamage(error: unknown): boolean {
  if (error instanceof Failure) return "kind" in error && (error.kind === "damaged" || error.kind === "missing");
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_ZSTD");
}

function learn(database: Database, lines: Iterable<IndexLine>, least: Date): void {
  const objects = new ObjectTable(database);
  const chunks = new ChunkTable(database);
  const ids: number[] = [];
  for (const line of lines) {
    if ("object" in line) {
      const { retain_until, ...ref } = line.object;
      ids.push(objects.add(ref, new Date(retain_until), true));
    } else if ("extended" in line) {
      objects.heardExtension(line.extended.key, line.extended.version, new Date(line.extended.retain_until));
    } else {
      learnFrame(chunks, ids, line.frame, least);
    }
  }
}

function learnFrame(
  chunks: ChunkTable,
  ids: readonly number[],
  [number, frameOffset, frameLength, held]: Extract<IndexLine, { frame: unknown }>["frame"],
  least: Date,
): void {
  const object = ids[number];
  if (object === undefined) return;
  let offset = 0;
  for (const [hex, length] of held) {
    chunks.learn(Buffer.from(hex, "hex"), { object, frameOffset, frameLength, offset, length }, least);
    offset += length;
  }
}
