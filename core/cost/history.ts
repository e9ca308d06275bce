/**
 * What the backups of one name refer to, in a database on disk: content, parts, roots and dumps, each with the first and
 * the last backup that needs it. Backups are numbered from 0, oldest first.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Stored } from "../bucket/contract.ts";
import type { Encoding } from "../format/encoding.ts";
import type { Entry, FileEntry } from "../format/entry.ts";
import type { Manifest, PartRef } from "../format/manifest.ts";
import { isByteString } from "../format/path.ts";
import type { LoadedPart } from "../manifest/read.ts";
import { openScratchDatabase } from "../system/scratch-database.ts";
import { readsOf } from "./reads.ts";

const tables = `
  CREATE TEMP TABLE objects (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL,
    whole INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (key, version)
  );
  CREATE TEMP TABLE parts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    path TEXT NOT NULL, entries INTEGER NOT NULL, bytes INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    reads INTEGER NOT NULL DEFAULT 0, read_bytes INTEGER NOT NULL DEFAULT 0,
    files INTEGER NOT NULL DEFAULT 0, file_bytes INTEGER NOT NULL DEFAULT 0, UNIQUE (key, version)
  );
  CREATE TEMP TABLE frames (
    object INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (object, start)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE chunks (id BLOB PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TEMP TABLE files (
    id BLOB PRIMARY KEY, size INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL
  ) WITHOUT ROWID;
`;
const span = "DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)";

/** The backups that need something. */
type Span = { readonly first: number; readonly last: number };
export type KnownPart = Span & { readonly id: number; readonly ref: PartRef };

type PartRow = Span & Omit<PartRef, "first"> & { readonly id: number; readonly path: string };

export class History implements Disposable {
  readonly database: Database = openScratchDatabase(tables);

  /** Backups must come oldest first. */
  addRoot(number: number, root: Stored, { parts, snapshots }: Manifest): void {
    const known = this.database.query<null, SQLQueryBindings[]>(
      `INSERT INTO parts (key, version, size, sha256, path, entries, bytes, first, last)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ${span}`,
    );
    this.database.transaction(() => {
      this.#addObject("root", { ...root, encoding: "frames" }, { first: number, last: number });
      for (const one of snapshots) this.#addObject("snapshot", one, { first: number, last: number });
      for (const { key, version, size, sha256, first, entries, bytes } of parts) {
        known.run(key, version, size, sha256, first, entries, bytes, number, number);
      }
    })();
  }

  /** Of the index: no backup needs it, but it is stored. */
  addIndex(objects: Iterable<Omit<Stored, "version">>): void {
    this.database.transaction(() => {
      for (const object of objects) {
        this.#addObject("index", { ...object, version: "", encoding: "frames" }, { first: 0, last: -1 });
      }
    })();
  }

  /** Each once, however many backups have it. */
  *parts(): Generator<KnownPart> {
    const next = this.database.query<PartRow, [number]>("SELECT * FROM parts WHERE id > ? ORDER BY id LIMIT 1");
    for (let row = next.get(0); row !== null; row = next.get(row.id)) {
      const { id, first, last, path, key, version, size, sha256, entries, bytes } = row;
      if (!isByteString(path)) throw new Error(`the path of ${key} came back changed`);
      yield { id, first, last, ref: { key, version, size, sha256, first: path, entries, bytes } };
    }
  }

  addPart({ id, first, last }: KnownPart, { objects, entries }: LoadedPart): void {
    this.database.transaction(() => {
      const numbers = objects.map((object) => this.#addObject("content", object, { first, last }));
      const files = entries.filter(hasContent);
      const frames = framesOf(files);
      this.#addFrames(frames, numbers, last);
      const { distinct, bytes } = this.#addFiles(files, { first, last });
      const reads = readsOf(frames, objects);
      this.database
        .query("UPDATE parts SET reads = ?, read_bytes = ?, files = ?, file_bytes = ? WHERE id = ?")
        .run(reads.requests, reads.bytes, distinct, bytes, id);
    })();
  }

  #addObject(kind: string, { key, version, size, encoding }: Ref, { first, last }: Span): number {
    const insert = this.database.query<{ id: number }, SQLQueryBindings[]>(
      `INSERT INTO objects (kind, key, version, size, whole, first, last) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT ${span} RETURNING id`,
    );
    const row = insert.get(kind, key, version, size, encoding === "frames" ? 0 : 1, first, last);
    if (row === null) throw new Error(`${key} was not remembered`);
    return row.id;
  }

  #addFrames(frames: Frames, numbers: readonly number[], last: number): void {
    const insert = this.database.query<null, number[]>(
      "INSERT INTO frames VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
    );
    for (const [object, ofObject] of frames) {
      const number = numbers[object];
      if (number !== undefined) for (const [start, length] of ofObject) insert.run(number, start, length, last);
    }
  }

  /** How many different contents the files have, and the bytes of these. */
  #addFiles(files: readonly FileEntry[], { first, last }: Span) {
    const chunk = this.database.query<null, [Uint8Array, number]>("INSERT OR IGNORE INTO chunks VALUES (?, ?)");
    const file = this.database.query<null, [Uint8Array, number, number, number]>(
      `INSERT INTO files VALUES (?, ?, ?, ?) ON CONFLICT ${span}`,
    );
    const seen = new Set<string>();
    let bytes = 0;
    for (const { extents, size, holes } of files) {
      const hash = new Bun.CryptoHasher("sha256").update(`${size} ${holes.join(" ")}`);
      for (const { sha256 } of extents) hash.update(sha256);
      const id = hash.digest();
      const hex = id.toString("hex");
      if (seen.has(hex)) continue;
      seen.add(hex);
      for (const { sha256, length } of extents) chunk.run(Buffer.from(sha256, "hex"), length);
      const held = extents.reduce((sum, { length }) => sum + length, 0);
      file.run(id, held, first, last);
      bytes += held;
    }
    return { distinct: seen.size, bytes };
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}

type Ref = Stored & { readonly encoding: Encoding };

/** By number of the object, then by first byte: the length of each frame that files of a part need. */
export type Frames = ReadonlyMap<number, ReadonlyMap<number, number>>;

function hasContent(entry: Entry): entry is FileEntry {
  return entry.type === "file" && entry.extents.length > 0;
}

function framesOf(files: readonly FileEntry[]): Frames {
  const frames = new Map<number, Map<number, number>>();
  for (const { object, frameOffset, frameLength } of files.flatMap(({ extents }) => extents)) {
    const ofObject = frames.get(object) ?? new Map<number, number>();
    frames.set(object, ofObject.set(frameOffset, frameLength));
  }
  return frames;
}
