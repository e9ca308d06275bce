/**
 * Reads what other hosts, and this one before it lost its state, say they stored: their index objects, each once.
 */
import type { Database } from "bun:sqlite";
import { BucketError, type BucketReader } from "../../bucket/contract.ts";
import { reasonOf } from "../../failure.ts";
import { FormatError } from "../../format/error.ts";
import type { IndexLine } from "../../format/index-object.ts";
import { type ManifestKey, parseIndexKey, prefixes } from "../../format/keys.ts";
import type { Notify } from "../../notice.ts";
import { readIndexObject } from "../../stored/index-object.ts";
import { ChunkTable } from "./chunks.ts";
import { FalseState } from "./false-state.ts";
import { ObjectTable } from "./objects.ts";

export type IndexSyncDeps = {
  readonly bucket: BucketReader;
  readonly database: Database;
  /** Our own backup name. */
  readonly name: string;
  /** Nothing is built upon an object whose lock ends before this. */
  readonly minimumLockEnd: Date;
  /** Whether the index of this backup name is believed. */
  readonly believes: (name: string) => boolean;
  readonly notify: Notify;
  readonly signal: AbortSignal;
};

/**
 * Learns what is in unread index objects. A damaged one is reported and passed over: its content is stored again. Throws a
 * FalseState if the bucket does not have what this host put there: it is another one of the same name, made or mounted in
 * its place, and nothing that the database says is in it.
 */
export async function syncIndex(deps: IndexSyncDeps): Promise<void> {
  for await (const [key, { name }] of unread(deps)) {
    deps.signal.throwIfAborted();
    if (deps.believes(name)) await readIndex(deps, key);
    rememberRead(deps.database, name, key);
  }
}

/** Notes the newest index object of a name that this host knows of. */
export function rememberRead(database: Database, name: string, key: string): void {
  database
    .query("INSERT INTO index_read VALUES (?, ?) ON CONFLICT DO UPDATE SET key = max(key, excluded.key)")
    .run(name, key);
}

/** S3's pages have so many keys, but for the last. */
const fullPage = 1_000;

/**
 * Yields index keys after the last one read of each name. A bucket with few keys costs one request. If a page is full and
 * ends among keys that were read before, the listing begins again at the last of them.
 */
async function* unread({ bucket, database, name }: IndexSyncDeps): AsyncGenerator<[string, ManifestKey]> {
  const lastRead = (other: string) =>
    database.query<{ key: string }, [string]>("SELECT key FROM index_read WHERE name = ?").get(other)?.key;
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

async function readIndex(deps: IndexSyncDeps, key: string): Promise<void> {
  const { bucket, database, minimumLockEnd, notify } = deps;
  try {
    await learn(database, readIndexObject(bucket, { key }), minimumLockEnd);
  } catch (error) {
    // A bucket that does not answer, or a database that cannot be written, is no matter of this one object.
    if (!(error instanceof FormatError) && !isDamage(error) && !(await isGone(error, key, deps))) throw error;
    notify({
      level: "warning",
      code: "index-damaged",
      message: `the index object ${JSON.stringify(key)} is passed over: ${reasonOf(error)}; what it lists is stored again`,
    });
  }
}

/**
 * Whether an index object was removed, by a prune, since it was listed. S3 denies what is missing to a role that may not list
 * the whole bucket.
 */
async function isGone(error: unknown, key: string, { bucket }: IndexSyncDeps): Promise<boolean> {
  if (!(error instanceof BucketError) || error.kind !== "denied") return false;
  // Without its last character the key sorts just before itself.
  for await (const page of bucket.list(prefixes.index, key.slice(0, -1)))
    return !page.some((found) => found.key === key);
  return true;
}

function isDamage(error: unknown): boolean {
  return error instanceof BucketError && (error.kind === "damaged" || error.kind === "missing");
}

/** Takes all lines, or none if the object turns out to be damaged. Nothing else may use the database meanwhile. */
async function learn(database: Database, lines: AsyncIterable<IndexLine>, minimumLockEnd: Date): Promise<void> {
  database.run("BEGIN");
  try {
    await learnLines(database, lines, minimumLockEnd);
    database.run("COMMIT");
  } catch (error) {
    // Some errors, such as a full disk, have ended the transaction.
    if (database.inTransaction) database.run("ROLLBACK");
    throw error;
  }
}

async function learnLines(database: Database, lines: AsyncIterable<IndexLine>, minimumLockEnd: Date): Promise<void> {
  const objects = new ObjectTable(database);
  const chunks = new ChunkTable(database);
  const ids: number[] = [];
  for await (const line of lines) {
    if ("object" in line) {
      const { retain_until, ...ref } = line.object;
      ids.push(objects.add(ref, new Date(retain_until), true));
    } else if ("extended" in line) {
      objects.heardExtension(line.extended.key, line.extended.version, new Date(line.extended.retain_until));
    } else {
      learnFrame(chunks, ids, line.frame, minimumLockEnd);
    }
  }
}

function learnFrame(
  chunks: ChunkTable,
  ids: readonly number[],
  [number, frameOffset, frameLength, held]: Extract<IndexLine, { frame: unknown }>["frame"],
  minimumLockEnd: Date,
): void {
  const object = ids[number];
  if (object === undefined) return;
  let offset = 0;
  for (const [hex, length] of held) {
    chunks.learn(Buffer.from(hex, "hex"), { object, frameOffset, frameLength, offset, length }, minimumLockEnd);
    offset += length;
  }
}
