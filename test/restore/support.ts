/** Backups made by hand from the encoders of `core/format`, hostile and damaged ones among them, and their restore. */
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Bucket, Stored } from "../../core/bucket/contract.ts";
import { openDirectoryBucket } from "../../core/bucket/directory/bucket.ts";
import type { ContentCodec } from "../../core/format/codecs/codec.ts";
import type { Entry, Extent, FileEntry, Hole, ObjectRef } from "../../core/format/entries/entry.ts";
import { encodeHead, type HeadEntry } from "../../core/format/entries/entry-json.ts";
import { encodeExtents, entryLine } from "../../core/format/entries/entry-row.ts";
import { keys } from "../../core/format/keys/keys.ts";
import {
  encodeManifest,
  type Manifest,
  type PartRef,
  type SnapshotRef,
  type WholeSnapshot,
} from "../../core/format/manifest/manifest.ts";
import { encodePart } from "../../core/format/manifest/part.ts";
import { encodeContents, type PackedFrame } from "../../core/format/packs/pack.ts";
import { fromText } from "../../core/format/path.ts";
import type { Notice } from "../../core/notice.ts";
import type { SnapshotChoice } from "../../restore/dumps/snapshots.ts";
import { writersFor } from "../../restore/fetching/writers.ts";
import { restore } from "../../restore/restore.ts";
import { type Scratch, scratch } from "../support/faults/scratch.ts";

export const isRoot = process.getuid?.() === 0;

const started = new Date("2026-11-21T02:00:03Z");
const retention = { mode: "GOVERNANCE", until: new Date("2099-01-01T00:00:00Z") } as const;
const now = () => new Date("2026-11-21T03:00:00Z");

export const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

export type Attributes = Partial<Omit<Entry, "type" | "path">>;

/** An entry to be stored. Files have their content in chunks; `entry` is spread over what that gives. */
export type Item = {
  readonly head: HeadEntry;
  readonly chunks?: readonly Uint8Array[];
  /** What the manifest says of them instead of the truth. */
  readonly forge?: (extents: readonly Extent[]) => readonly Extent[];
  /** Changes its line in the part. */
  readonly forgeLine?: (line: string) => string;
};

const owner = {
  user: undefined,
  group: undefined,
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
};

function common(path: string, mode: number, attributes: Attributes) {
  return {
    path: fromText(path),
    owner,
    mode,
    modified: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
    acl: undefined,
    xattrs: new Map(),
    ...attributes,
  };
}

export function folder(path: string, attributes: Attributes = {}): Item {
  return { head: { type: "folder", ...common(path, 0o755, attributes) } };
}

export function link(path: string, target: string, attributes: Attributes = {}): Item {
  return { head: { type: "link", ...common(path, 0o777, attributes), target: fromText(target) } };
}

/** `hardLink` is the path of its first name. */
export function fifo(path: string, { hardLink, ...attributes }: Attributes & { hardLink?: string } = {}): Item {
  const names = hardLink === undefined ? {} : { hardLink: fromText(hardLink) };
  return { head: { type: "fifo", ...common(path, 0o600, attributes), ...names } };
}

export function device(path: string, attributes: Attributes = {}): Item {
  return { head: { type: "character device", ...common(path, 0o600, attributes), major: 1, minor: 3 } };
}

export type FileOptions = Attributes & {
  readonly holes?: readonly Hole[];
  /** The path of the first name. */
  readonly hardLink?: string;
  readonly forge?: Item["forge"];
};

/** `content` is one chunk, or several. */
export function file(
  path: string,
  content: string | Uint8Array | readonly Uint8Array[],
  { holes = [], hardLink, forge, ...attributes }: FileOptions = {},
): Item {
  const chunks = (Array.isArray(content) ? content : [Buffer.from(content as string)]).filter(
    (chunk) => chunk.length > 0,
  );
  const size = [...chunks, ...holes.map(([, length]) => ({ length }))].reduce((sum, { length }) => sum + length, 0);
  const head: Omit<FileEntry, "extents"> = {
    type: "file",
    ...common(path, 0o644, attributes),
    size,
    holes,
    hardLink: hardLink === undefined ? undefined : fromText(hardLink),
    warnings: [],
  };
  return { head, chunks, ...(forge && { forge }) };
}

export function noise(length: number): Buffer {
  return randomBytes(length);
}

export type BackupOptions = {
  readonly name?: string;
  readonly start?: Date;
  /** When the root is put, by the bucket's clock: at the start unless stated. */
  readonly storedAt?: Date;
  readonly run?: string;
  /** Entries of each part. */
  readonly perPart?: number;
  /** Chunks of each frame. */
  readonly perFrame?: number;
  /** Each chunk list as one object of its own, or all of a part in one pack. */
  readonly encoding?: ContentCodec;
  readonly snapshots?: readonly SnapshotRef[];
  /** Entries of dumps that lie in chunks. */
  readonly dumps?: readonly Item[];
  /** What parts say of their objects instead of the truth. */
  readonly forgeObject?: (object: ObjectRef) => ObjectRef;
  /** Changes what the root says. */
  readonly forge?: (manifest: Manifest) => Manifest;
};

const byPath = (a: Item, b: Item) => (a.head.path < b.head.path ? -1 : 1);

export type Backup = { readonly key: string; readonly manifest: Manifest; readonly objects: readonly ObjectRef[] };

export class Fixture implements AsyncDisposable {
  readonly target: string;
  readonly outside: string;
  readonly notices: Notice[] = [];

  constructor(
    readonly scratch: Scratch,
    readonly bucketPath: string,
    readonly bucket: Bucket,
  ) {
    this.target = join(scratch.path, "target");
    this.outside = join(scratch.path, "outside");
  }

  static async open(): Promise<Fixture> {
    const place = await scratch();
    const bucketPath = join(place.path, "bucket");
    await mkdir(bucketPath);
    return new Fixture(place, bucketPath, await openDirectoryBucket(bucketPath, { now, random: Math.random }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bucket.close();
    await this.scratch[Symbol.asyncDispose]();
  }

  /** Items in any order. */
  async backup(items: readonly Item[], options: BackupOptions = {}): Promise<Backup> {
    const { name = "test", start = started, run = "0badcafe", perPart = 1000, snapshots = [], forge } = options;
    const objects: ObjectRef[] = [];
    const store = async (sorted: readonly Item[]) => {
      const parts: PartRef[] = [];
      for (let at = 0; at < sorted.length; at += perPart) {
        const stored = await this.#storePart(name, sorted.slice(at, at + perPart), options);
        parts.push(stored.part);
        objects.push(...stored.objects);
      }
      return parts;
    };
    const sorted = items.toSorted(byPath);
    const parts = await store(sorted);
    const dumps = await store((options.dumps ?? []).toSorted(byPath));
    const plain = { ...manifestOf(name, start, run, sorted, parts, snapshots), ...(dumps.length > 0 && { dumps }) };
    const manifest = forge?.(plain) ?? plain;
    const root = Bun.zstdCompressSync(encodeManifest(manifest));
    const { key } = await this.putAt(options.storedAt ?? start, keys.manifest(name, { start, run }), root);
    return { key, manifest, objects };
  }

  async #storePart(name: string, items: readonly Item[], options: BackupOptions) {
    const objects: ObjectRef[] = [];
    const extents = await this.#storeContent(items, objects, options);
    const lines = items.map(({ head, chunks, forge = (same) => same, forgeLine = (same) => same }, number) =>
      forgeLine(
        chunks === undefined
          ? encodeHead(head)
          : entryLine(encodeHead(head), encodeExtents(forge(extents[number] ?? []))),
      ),
    );
    const { forgeObject = (same) => same } = options;
    const stored = Bun.zstdCompressSync(encodePart(objects.map(forgeObject), lines));
    const { key, version, size } = await this.put(keys.part(name, sha256(stored)), stored);
    const [first] = items;
    if (first === undefined) throw new Error("a part without entries");
    const bytes = items.reduce((sum, { head }) => sum + (head.type === "file" ? head.size : 0), 0);
    const entries = items.length;
    return { part: { key, version, size, sha256: sha256(stored), first: first.head.path, entries, bytes }, objects };
  }

  /** Extents of each item; fills `objects`. */
  async #storeContent(items: readonly Item[], objects: ObjectRef[], options: BackupOptions): Promise<Extent[][]> {
    const { encoding = "frames" } = options;
    if (encoding === "frames") return this.#storePack(items, objects, options.perFrame ?? 4);
    const all: Extent[][] = [];
    for (const { chunks = [] } of items) {
      const content = Buffer.concat(chunks);
      all.push(content.length === 0 ? [] : [await this.#storeObject(content, encoding, objects)]);
    }
    return all;
  }

  async #storeObject(
    content: Buffer,
    encoding: Exclude<ContentCodec, "frames">,
    objects: ObjectRef[],
  ): Promise<Extent> {
    const stored =
      encoding === "zstd" ? Bun.zstdCompressSync(content) : encoding === "gzip" ? gzipSync(content) : content;
    const { key, version, size } = await this.put(keys.content(sha256(content)), stored);
    const object = objects.push({ key, version, size, encoding }) - 1;
    const { length } = content;
    return { object, frameOffset: 0, frameLength: size, offset: 0, length, sha256: sha256(content) };
  }

  async #storePack(items: readonly Item[], objects: ObjectRef[], perFrame: number): Promise<Extent[][]> {
    const flat = items.flatMap(({ chunks = [] }, item) => chunks.map((chunk) => ({ item, chunk })));
    const extents: Extent[][] = items.map(() => []);
    if (flat.length === 0) return extents;
    const pieces: Uint8Array[] = [];
    const frames: PackedFrame[] = [];
    let frameOffset = 0;
    for (let at = 0; at < flat.length; at += perFrame) {
      const members = flat.slice(at, at + perFrame);
      const frame = Bun.zstdCompressSync(Buffer.concat(members.map(({ chunk }) => chunk)));
      let offset = 0;
      for (const { item, chunk } of members) {
        const { length } = chunk;
        extents[item]?.push({
          object: 0,
          frameOffset,
          frameLength: frame.length,
          offset,
          length,
          sha256: sha256(chunk),
        });
        offset += length;
      }
      const chunks = members.map(({ chunk }) => ({
        id: createHash("sha256").update(chunk).digest(),
        length: chunk.length,
      }));
      frames.push({ length: frame.length, chunks });
      pieces.push(frame);
      frameOffset += frame.length;
    }
    const stored = Buffer.concat([...pieces, encodeContents(frames)]);
    const { key, version, size } = await this.put(keys.pack(sha256(stored)), stored);
    objects.push({ key, version, size, encoding: "frames" });
    return extents;
  }

  /** A stored dump, as the manifest names it. */
  async snapshot(snapshotter: string, dump: string, more: Partial<WholeSnapshot> = {}): Promise<WholeSnapshot> {
    const stored = Bun.zstdCompressSync(dump);
    const { key, version, size } = await this.put(keys.snapshot("test", started, snapshotter, ".zst"), stored);
    return {
      snapshotter,
      key,
      version,
      size,
      sha256: sha256(stored),
      encoding: "zstd",
      dump_size: Buffer.byteLength(dump),
      dump_sha256: sha256(dump),
      exit: 0,
      ...more,
    };
  }

  /** Puts at another time by the bucket's clock. */
  async putAt(time: Date, key: string, body: Uint8Array): Promise<Stored> {
    const bucket = await openDirectoryBucket(this.bucketPath, { now: () => time, random: Math.random });
    return bucket.put(key, body, { retention });
  }

  put(key: string, body: Uint8Array): Promise<Stored> {
    return this.bucket.put(key, body, { retention });
  }

  /** Changes a stored object behind the bucket's back. */
  async damage(key: string, change: (bytes: Buffer) => Uint8Array): Promise<void> {
    const path = join(this.bucketPath, key);
    const bytes = await readFile(path);
    await chmod(path, 0o600);
    await writeFile(path, change(bytes));
  }

  async lose(key: string): Promise<void> {
    await rm(join(this.bucketPath, key));
  }

  restore({ manifest }: Pick<Backup, "manifest">, options: RestoreWishes = {}) {
    return restore({
      bucket: this.bucket,
      manifest,
      target: this.target,
      paths: [],
      numericOwner: false,
      snapshots: "skip",
      ask: () => Promise.reject(new Error("nothing was to be asked")),
      random: randomBytes,
      writers: { ...writersFor(2), framesBefore: 0 },
      notify: (notice) => this.notices.push(notice),
      onProgress: () => {},
      signal: new AbortController().signal,
      ...options,
    });
  }

  /** Messages of warnings and errors so far. */
  get complaints(): string[] {
    return this.notices.filter(({ level }) => level !== "info").map(({ message }) => message);
  }

  at(path: string): string {
    return join(this.target, path);
  }

  /** What lies in the target, sorted. */
  async names(path = "/"): Promise<string[]> {
    return (await readdir(this.at(path))).sort();
  }

  read(path: string): Promise<string> {
    return readFile(this.at(path), "utf8");
  }
}

export type RestoreWishes = Partial<Parameters<typeof restore>[0]> & { readonly snapshots?: SnapshotChoice };

/** One bit of the middle byte. */
export function flipped(bytes: Buffer, at = Math.floor(bytes.length / 2)): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

function manifestOf(
  name: string,
  start: Date,
  run: string,
  items: readonly Item[],
  parts: readonly PartRef[],
  snapshots: readonly SnapshotRef[],
): Manifest {
  const files = items.filter(({ head }) => head.type === "file").length;
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const counts = { entries: items.length, files, bytes, parts: parts.length, snapshots: snapshots.length };
  return {
    header: {
      name,
      host: "example",
      run,
      started: start.toISOString(),
      tool: "sysbackup 0.0.0",
      config: sha256(""),
      retain_until: retention.until.toISOString(),
      lock_mode: "GOVERNANCE",
      layout: "packs",
      sealing: null,
    },
    parts,
    snapshots,
    bundles: [],
    log: [],
    totals: { ...counts, warnings: 0, errors: 0, finished: start.toISOString() },
  };
}

/** Stored bytes of the root of a backup of nothing. */
export function emptyRoot(name: string, start: Date, forge = (plain: Manifest): Manifest => plain): Uint8Array {
  return Bun.zstdCompressSync(encodeManifest(forge(manifestOf(name, start, "0badcafe", [], [], []))));
}
