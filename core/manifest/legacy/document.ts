/** A manifest of s3-sysbackup on disk, in order of path and cut into parts: it may be larger than memory, and is one object. */
import type { Database } from "bun:sqlite";
import { altered } from "../../format/error.ts";
import { parseLegacySnapshot } from "../../format/keys/legacy-keys.ts";
import { endsPart } from "../../format/manifest/part.ts";
import { type ByteString, isByteString } from "../../format/path.ts";
import { openScratchDatabase } from "../../system/scratch-database.ts";
import { placeOf } from "./entry.ts";
import { type JsonItem, parsedItem } from "./json-items.ts";

const schema = `
  CREATE TEMP TABLE entries (path TEXT PRIMARY KEY, id TEXT, item TEXT NOT NULL) WITHOUT ROWID;
  CREATE TEMP TABLE names (id TEXT PRIMARY KEY, path TEXT NOT NULL, paths INTEGER NOT NULL) WITHOUT ROWID;`;

/** `sha256`: of the items. */
export type LegacyPart = { readonly first: ByteString; readonly entries: number; readonly sha256: string };

/** An item of a part. `hardLink`: the first path of the same file, if it has several. */
export type PlacedItem = {
  readonly path: ByteString;
  readonly item: string;
  readonly hardLink: ByteString | undefined;
};

type ItemRow = { readonly path: string; readonly item: string; readonly first: string | null };

const mostSnapshots = 10_000;
/** Characters of the log that are kept. */
const mostLog = 1024 * 1024;
const itemsInTransaction = 1_000;

export class LegacyDocument implements Disposable {
  readonly #database: Database = openScratchDatabase(schema);
  readonly snapshots: string[] = [];
  readonly log: unknown[] = [];
  parts: readonly LegacyPart[] = [];
  entries = 0;
  files = 0;
  /** Items without a path, or with one that came before. */
  unplaced = 0;
  #logged = 0;
  readonly #lists = new Set<string>();

  /** Reads a whole document. Throws a FormatError if it is no manifest, or lacks one of the lists. */
  static async read(items: AsyncIterable<JsonItem>, lists: readonly string[]): Promise<LegacyDocument> {
    const document = new LegacyDocument();
    try {
      let waiting: JsonItem[] = [];
      for await (const item of items) {
        waiting.push(item);
        if (waiting.length < itemsInTransaction) continue;
        document.#add(waiting);
        waiting = [];
      }
      document.#add(waiting);
      const lacking = lists.find((list) => !document.#lists.has(list));
      if (lacking !== undefined) throw altered(`it has no list of ${lacking}`);
      document.#finish();
      return document;
    } catch (error) {
      document[Symbol.dispose]();
      throw error;
    }
  }

  #add(items: readonly JsonItem[]): void {
    this.#database.transaction(() => {
      for (const { list, text } of items) {
        if (text === "") this.#lists.add(list);
        else if (list === "content") this.#addEntry(text);
        else if (list === "snapshots") this.#addSnapshot(text);
        else if (list === "log") this.#note(text);
      }
    })();
  }

  #addEntry(item: string): void {
    const document = parsedItem(item);
    const place = placeOf(document);
    if (place === undefined) {
      this.unplaced += 1;
      return;
    }
    const insert = this.#database.query<null, [string, string | null, string]>(
      "INSERT OR IGNORE INTO entries VALUES (?, ?, ?)",
    );
    const { changes } = insert.run(place.path, place.id ?? null, item);
    if (changes === 0) this.unplaced += 1;
    else if (item.includes('"typ": "f"') || item.includes('"typ":"f"')) this.files += 1;
  }

  #addSnapshot(text: string): void {
    const key = text.startsWith('"') ? parsedItem(text) : text;
    if (typeof key !== "string" || parseLegacySnapshot(key) === undefined || this.snapshots.length >= mostSnapshots)
      throw altered("it names snapshots as no backup does");
    this.snapshots.push(key);
  }

  #note(text: string): void {
    this.#logged += text.length;
    if (this.#logged <= mostLog) this.log.push(parsedItem(text));
  }

  #finish(): void {
    this.#database.run(
      "INSERT INTO names SELECT id, min(path), count(*) FROM entries WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1",
    );
    const parts: LegacyPart[] = [];
    let hash = new Bun.CryptoHasher("sha256");
    let first: ByteString | undefined;
    let size = { entries: 0, bytes: 0, objectBytes: 0 };
    const end = () => {
      if (first !== undefined) parts.push({ first, entries: size.entries, sha256: hash.digest("hex") });
      hash = new Bun.CryptoHasher("sha256");
      first = undefined;
      size = { entries: 0, bytes: 0, objectBytes: 0 };
    };
    const rows = this.#database.query<ItemRow, []>("SELECT path, item, NULL first FROM entries ORDER BY path");
    for (const { path, item } of rows.iterate()) {
      const place = byteString(path);
      first ??= place;
      hash.update(item).update("\n");
      size = { entries: size.entries + 1, bytes: size.bytes + item.length, objectBytes: size.objectBytes + 256 };
      this.entries += 1;
      if (endsPart(place, size)) end();
    }
    end();
    this.parts = parts;
  }

  /** Returns the items of the part with this digest; undefined if this document has no such part. */
  itemsOf(sha256: string): PlacedItem[] | undefined {
    const part = this.parts.find((one) => one.sha256 === sha256);
    if (part === undefined) return undefined;
    const rows = this.#database.query<ItemRow, [string, number]>(
      `SELECT entries.path, item, names.path first FROM entries LEFT JOIN names USING (id)
       WHERE entries.path >= ? ORDER BY entries.path LIMIT ?`,
    );
    return rows.all(part.first, part.entries).map(({ path, item, first }) => {
      return { path: byteString(path), item, hardLink: first === null ? undefined : byteString(first) };
    });
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function byteString(path: string): ByteString {
  if (!isByteString(path)) throw new Error("a path came back changed");
  return path;
}
