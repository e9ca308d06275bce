/** Lists what was stored since the last index object, for other hosts, and for this one should it lose its state. */
import type { Database } from "bun:sqlite";
import type { Encoding } from "../../../format/codecs/encoding.ts";
import { FormatError } from "../../../format/error.ts";
import { encodeIndex, type IndexLine, readableLines } from "../../../format/index/index-object.ts";
import { idAfter } from "../../../format/keys/index-id.ts";
import { keys, parseIndexKey } from "../../../format/keys/keys.ts";
import { type WriteTarget, writeBytes } from "../../../stored/write.ts";
import { release } from "../../../system/threads/garbage.ts";
import { fact, setFact } from "../database.ts";
import { FalseState } from "../tables/false-state.ts";
import { marksOf, ownIndexFact } from "./index-sync.ts";

/** Objects and chunks that one index object lists, about: it is made in memory. */
const enoughLines = 100_000;

type ObjectRow = {
  id: number;
  key: string;
  version: string;
  size: number;
  encoding: Encoding;
  retain_until: number;
  sha256: string | null;
};
type IndexedChunkColumns = [id: string, frameOffset: number, frameLength: number, offset: number, length: number];

type IndexFrame = Extract<IndexLine, { frame: unknown }>["frame"];

export type IndexWriterDeps = {
  readonly target: WriteTarget;
  readonly database: Database;
  /** The backup name. */
  readonly name: string;
  readonly run: string;
  readonly now: () => Date;
};

/** Puts as many index objects as needed; none if nothing is new. */
export async function writeIndexObjects(deps: IndexWriterDeps): Promise<void> {
  while (await writeOne(deps));
}

async function writeOne({ target, database, name, run, now }: IndexWriterDeps): Promise<boolean> {
  const objects = newObjects(database);
  const extended = extendedObjects(database);
  if (objects.length === 0 && extended.length === 0) return false;
  const content = textOf(encodeIndex(name, run, checked(linesOf(database, objects, extended))));
  const last = parseIndexKey(fact(database, ownIndexFact) ?? "")?.stamp;
  const key = keys.index(name, idAfter(last, { start: now(), run }));
  // Before it is put, so that a run that is killed meanwhile does not take it for somebody else's later.
  marksOf(database, name).note(key, null);
  // Never filtered: see core/stored/index-object.ts.
  await writeBytes({ ...target, filters: [] }, { content, codec: "frame", key });
  release(content);
  database.transaction(() => {
    const markIndexed = database.query("UPDATE objects SET indexed = 1 WHERE id = ?");
    for (const { id } of objects) markIndexed.run(id);
    const forget = database.query("DELETE FROM extensions WHERE object = ?");
    for (const { id } of extended) forget.run(id);
    setFact(database, ownIndexFact, key);
  })();
  return true;
}

function textOf(lines: Iterable<string>): Uint8Array<ArrayBuffer> {
  const text = new Bun.ArrayBufferSink();
  for (const line of lines) text.write(line);
  return new Uint8Array(text.end());
}

/** Throws FalseState for what readers would refuse: it comes from the state, which is then rebuilt. */
function* checked(lines: Iterable<IndexLine>): Generator<IndexLine> {
  try {
    yield* readableLines(lines);
  } catch (error) {
    if (error instanceof FormatError) throw new FalseState(`an index made from it is refused: ${error.message}`);
    throw error;
  }
}

/** Returns the next objects to list, until they and their chunks are enough. */
function newObjects(database: Database): ObjectRow[] {
  const page = database.query<ObjectRow & { chunks: number }, [number]>(
    `SELECT id, key, version, size, encoding, retain_until, sha256,
       (SELECT count(*) FROM chunks WHERE object = objects.id) AS chunks
     FROM objects WHERE indexed = 0 AND id > ? ORDER BY id LIMIT 1`,
  );
  const objects: ObjectRow[] = [];
  for (let lines = 0, row = page.get(0); row !== null && lines < enoughLines; row = page.get(row.id)) {
    objects.push(row);
    lines += 1 + row.chunks;
  }
  return objects;
}

function extendedObjects(database: Database): ObjectRow[] {
  return database
    .query<ObjectRow, [number]>(
      `SELECT id, key, version, size, encoding, retain_until, sha256 FROM extensions
       JOIN objects ON objects.id = extensions.object ORDER BY id LIMIT ?`,
    )
    .all(enoughLines);
}

function* linesOf(
  database: Database,
  objects: readonly ObjectRow[],
  extended: readonly ObjectRow[],
): Generator<IndexLine> {
  for (const [number, { id, key, version, size, encoding, retain_until, sha256 }] of objects.entries()) {
    const lock = { retain_until: new Date(retain_until).toISOString() };
    yield { object: { key, version, size, encoding, ...lock, ...(sha256 !== null && { sha256 }) } };
    yield* framesOf(database, id, number);
  }
  for (const { key, version, retain_until } of extended) {
    yield { extended: { key, version, retain_until: new Date(retain_until).toISOString() } };
  }
}

/**
 * Yields each frame with its chunks from the beginning on. Readers add up the lengths, so a frame ends before a chunk that
 * has another place by now: those behind it are not listed.
 */
function* framesOf(database: Database, object: number, number: number): Generator<IndexLine> {
  const chunks = database
    .query<unknown, [number]>(
      `SELECT lower(hex(id)), frame_offset, frame_length, offset, length FROM chunks WHERE object = ?
       ORDER BY frame_offset, offset`,
    )
    .values(object) as IndexedChunkColumns[];
  let frame: IndexFrame | undefined;
  let end = 0;
  for (const [id, frameOffset, frameLength, offset, length] of chunks) {
    if (frame?.[1] !== frameOffset) {
      if (frame !== undefined) yield { frame };
      frame = [number, frameOffset, frameLength, []];
      end = 0;
    }
    if (offset !== end) continue;
    frame[3].push([id, length]);
    end += length;
  }
  if (frame !== undefined) yield { frame };
}
