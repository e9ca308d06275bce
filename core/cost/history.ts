/**
 * Keeps what is stored for the backups of one name, in a database on disk: what `References` knows, and beside it the frames
 * and files that parts hold, and the index. Backups are numbered from 1, oldest first.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Listed, Stored } from "../bucket/contract.ts";
import type { Extent, PartEntry, Stretch } from "../format/entries/entry.ts";
import { prefixes } from "../format/keys/keys.ts";
import type { Manifest } from "../format/manifest/manifest.ts";
import type { BundleClass } from "../format/storage-class.ts";
import type { PartContent } from "../manifest/references/read-parts.ts";
import { type ReferencedPart, References } from "../manifest/references/references.ts";
import { readsOf } from "./reads.ts";

const tables = `
  -- Beside each part: the requests and bytes that a restore of it takes, and its distinct contents.
  CREATE TEMP TABLE part_reads (
    part INTEGER PRIMARY KEY, reads INTEGER NOT NULL, read_bytes INTEGER NOT NULL,
    files INTEGER NOT NULL, file_bytes INTEGER NOT NULL
  );
  CREATE TEMP TABLE lifetimes (object INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
  CREATE TEMP TABLE index_objects (size INTEGER NOT NULL);
  CREATE TEMP TABLE frames (
    object INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (object, start)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE bundles (
    key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, class TEXT NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (key, version)
  ) WITHOUT ROWID;
  CREATE TEMP TABLE chunks (id BLOB PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TEMP TABLE files (
    id BLOB PRIMARY KEY, size INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL
  ) WITHOUT ROWID;
`;
/** The first and the last backup that need something. */
type Lifetime = { readonly first: number; readonly last: number };

const widened = "DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)";

export class History implements Disposable {
  readonly references = new References();
  readonly database: Database = this.references.database;

  constructor() {
    this.database.run(tables);
  }

  /** Adds a backup. They must come oldest first. */
  addRoot(root: Stored, manifest: Manifest): void {
    const { id } = this.references.addBackup({ root, manifest, demand: undefined });
    const insert = this.database.query<null, [string, string, number, string, number]>(
      "INSERT INTO bundles VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = excluded.last",
    );
    this.database.transaction(() => {
      for (const { key, version, size, storage_class } of [...manifest.bundles, ...(manifest.needs ?? [])])
        if (storage_class !== undefined) insert.run(key, version, size, storage_class, id);
    })();
  }

  /** Sums up the bundles of a class that the backup `since`, or a later one, needs. */
  bundlesIn(storageClass: BundleClass, since: number): { readonly objects: number; readonly bytes: number } {
    const sums = "SELECT count(*) objects, total(size) bytes FROM bundles WHERE class = ? AND last >= ?";
    const query = this.database.query<{ objects: number; bytes: number }, [string, number]>(sums);
    return query.get(storageClass, since) ?? { objects: 0, bytes: 0 };
  }

  /** Returns the bytes that the bundles of a class are charged for. */
  billedIn(storageClass: BundleClass, least: number, extra: number): number {
    const sum = "SELECT total(max(size, ?) + ?) bytes FROM bundles WHERE class = ?";
    const query = this.database.query<{ bytes: number }, [number, number, string]>(sum);
    return query.get(least, extra, storageClass)?.bytes ?? 0;
  }

  /** Adds objects of the index: no backup needs them, but they are stored. */
  addIndex(objects: Iterable<Listed>): void {
    const insert = this.database.query<null, [number]>("INSERT INTO index_objects VALUES (?)");
    this.database.transaction(() => {
      for (const { size } of objects) insert.run(size);
    })();
  }

  /** Goes through the parts to be read. Call after all roots were added. */
  takeParts(): Iterable<ReferencedPart> {
    this.database.run("INSERT INTO lifetimes SELECT object, min(backup), max(backup) FROM needs GROUP BY object");
    return this.references.takeParts();
  }

  addPart(part: ReferencedPart, { objects, entries }: PartContent): void {
    // What lies in bundles is not read file by file: see `cold.ts`.
    if (part.ref.key.startsWith(prefixes.bundles)) return;
    this.references.addContent(part, objects);
    const rows = this.references.idsOf(objects);
    this.database.transaction(() => {
      const lifetime = this.#lifetimeOf(part);
      this.#addLifetimes(rows, lifetime);
      const { distinct, bytes, frames } = this.#addFiles(entries, lifetime);
      this.#addFrames(frames, rows, lifetime.last);
      const reads = readsOf(frames, objects);
      this.database
        .query("INSERT INTO part_reads VALUES (?, ?, ?, ?, ?)")
        .run(part.id, reads.requests, reads.bytes, distinct, bytes);
    })();
  }

  #lifetimeOf({ id, ref }: ReferencedPart): Lifetime {
    const lifetime = this.database
      .query<Lifetime, [number]>("SELECT first, last FROM lifetimes WHERE object = ?")
      .get(id);
    if (lifetime === null) throw new Error(`no backup needs ${ref.key}`);
    return lifetime;
  }

  #addLifetimes(rows: readonly number[], { first, last }: Lifetime): void {
    const insert = this.database.query<null, number[]>(`INSERT INTO lifetimes VALUES (?, ?, ?) ON CONFLICT ${widened}`);
    for (const row of rows) insert.run(row, first, last);
  }

  #addFrames(frames: Frames, rows: readonly number[], last: number): void {
    const insert = this.database.query<null, number[]>(
      "INSERT INTO frames VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
    );
    for (const [object, ofObject] of frames) {
      const row = rows[object];
      if (row !== undefined) for (const [start, length] of ofObject) insert.run(row, start, length, last);
    }
  }

  /** Returns how many different contents the files have, the bytes of these, and the frames that all need. */
  #addFiles(entries: Iterable<PartEntry>, { first, last }: Lifetime) {
    const chunk = this.database.query<null, [Uint8Array, number]>("INSERT OR IGNORE INTO chunks VALUES (?, ?)");
    const file = this.database.query<null, SQLQueryBindings[]>(
      `INSERT INTO files VALUES (?, ?, ?, ?) ON CONFLICT ${widened}`,
    );
    const seen = new Set<string>();
    const frames: FramesOfPart = new Map();
    let bytes = 0;
    for (const entry of entries) {
      if (!hasContent(entry)) continue;
      const { extents, size, holes } = entry;
      addFrames(frames, extents);
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
    return { distinct: seen.size, bytes, frames };
  }

  [Symbol.dispose](): void {
    this.references[Symbol.dispose]();
  }
}

/** Length of each frame that files of a part need: by number of the object, then by first byte. */
export type Frames = ReadonlyMap<number, ReadonlyMap<number, number>>;

type Content = Omit<Stretch, "from">;

/** Segments of a file count as files of their own. */
function hasContent(entry: PartEntry): entry is PartEntry & Content {
  return (entry.type === "file" || entry.type === "segment") && entry.extents.length > 0;
}

type FramesOfPart = Map<number, Map<number, number>>;

function addFrames(frames: FramesOfPart, extents: readonly Extent[]): void {
  for (const { object, frameOffset, frameLength } of extents) {
    const ofObject = frames.get(object) ?? new Map<number, number>();
    frames.set(object, ofObject.set(frameOffset, frameLength));
  }
}
