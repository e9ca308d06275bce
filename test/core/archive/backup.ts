/** Reads a backup as a restore would, by what `core/format` says, and checks on the way all that can be checked. */

import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Bucket } from "../../../core/bucket/contract.ts";
import type { Encoding } from "../../../core/format/codecs/encoding.ts";
import { checkFrame } from "../../../core/format/codecs/frame.ts";
import type { Entry, Extent, FileEntry, ObjectRef } from "../../../core/format/entries/entry.ts";
import { textOf } from "../../../core/format/lines/lines.ts";
import type { LockMode } from "../../../core/format/lock-mode.ts";
import { decodeManifest, type Manifest } from "../../../core/format/manifest/manifest.ts";
import { decodePart } from "../../../core/format/manifest/part.ts";
import { toText } from "../../../core/format/path.ts";
import { once } from "../../../core/stored/bytes.ts";

export type Backup = {
  readonly manifest: Manifest;
  /** By path, as text. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** The file of this path; throws where it is none. */
  file(path: string): FileEntry;
  /** All bytes of a file, each extent checked against its digest. */
  read(path: string): Promise<Buffer>;
  /** Objects that hold the content of this file. */
  objectsOf(path: string): readonly ObjectRef[];
  /** Returns when the first lock ends among those of the parts and of all objects that the entries need. */
  lockedUntil(): Promise<Date>;
  /** The modes of these locks, each once. */
  lockModes(): Promise<ReadonlySet<LockMode | undefined>>;
};

export async function readBackup(bucket: Bucket, key: string, version: string): Promise<Backup> {
  const manifest = await decodeManifest(once(zstdDecompressSync(await fetch(bucket, key, version))));
  const entries = new Map<string, Entry>();
  const objects = new Map<string, readonly ObjectRef[]>();
  for (const part of manifest.parts) {
    const stored = await fetch(bucket, part.key, part.version);
    if (sha256(stored) !== part.sha256) throw new Error(`${part.key} has not the digest that the root says`);
    const decoded = decodePart(textOf(zstdDecompressSync(stored)));
    for (const entry of decoded.entries) {
      if (entry.type === "segment") throw new Error(`${toText(entry.path)} is a segment`);
      entries.set(toText(entry.path), entry);
      objects.set(toText(entry.path), decoded.objects);
    }
  }
  const file = (path: string): FileEntry => {
    const entry = entries.get(path);
    if (entry?.type !== "file") throw new Error(`${path} is no file of the backup, but ${entry?.type ?? "not there"}`);
    return entry;
  };
  const objectsOf = (path: string): ObjectRef[] => {
    const numbers = new Set(file(path).extents.map(({ object }) => object));
    return [...numbers].map((number) => objectAt(objects.get(path), number));
  };
  const locks = async () => {
    const refs = [...manifest.parts, ...[...entries.values()].flatMap((entry) => filesObjects(entry, objectsOf))];
    const infos = await Promise.all(refs.map((ref) => bucket.head(ref.key, ref.version)));
    return infos.map((info) => info?.retention);
  };
  return {
    manifest,
    entries,
    file,
    objectsOf,
    read: async (path) => {
      const pieces = file(path).extents.map((one) => readExtent(bucket, objectAt(objects.get(path), one.object), one));
      return withHoles(file(path), Buffer.concat(await Promise.all(pieces)));
    },
    lockedUntil: async () => new Date(Math.min(...(await locks()).map((lock) => lock?.until.getTime() ?? 0))),
    lockModes: async () => new Set((await locks()).map((lock) => lock?.mode)),
  };
}

function filesObjects(entry: Entry, objectsOf: (path: string) => readonly ObjectRef[]): readonly ObjectRef[] {
  return entry.type === "file" ? objectsOf(toText(entry.path)) : [];
}

function objectAt(objects: readonly ObjectRef[] | undefined, number: number): ObjectRef {
  const ref = objects?.[number];
  if (ref === undefined) throw new Error(`there is no object ${number}`);
  return ref;
}

async function readExtent(bucket: Bucket, ref: ObjectRef, extent: Extent): Promise<Buffer> {
  const range = { start: extent.frameOffset, length: extent.frameLength };
  const frame = Buffer.concat(await Array.fromAsync(bucket.get(ref.key, { version: ref.version, range })));
  const bytes = undone(frame, ref.encoding).subarray(extent.offset, extent.offset + extent.length);
  if (sha256(bytes) !== extent.sha256) throw new Error(`an extent in ${ref.key} has not its digest`);
  return bytes;
}

function undone(frame: Buffer, encoding: Encoding): Buffer {
  if (encoding === "gzip") return gunzipSync(frame);
  if (encoding === "none") return frame;
  if (encoding === "frames") checkFrame(frame);
  return zstdDecompressSync(frame);
}

function withHoles({ size, holes }: FileEntry, data: Buffer): Buffer {
  const bytes = Buffer.alloc(size);
  let from = 0;
  let at = 0;
  for (const [offset, length] of [...holes, [size, 0] as const]) {
    from += data.copy(bytes, at, from, from + offset - at);
    at = offset + length;
  }
  return bytes;
}

async function fetch(bucket: Bucket, key: string, version: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bucket.get(key, { version })));
}

export function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
