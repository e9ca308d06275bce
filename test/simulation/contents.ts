/**
 * Reads backups as the format says, without restoring: what they need of the bucket, and what their files hold. Each file's
 * bytes are read and checked the first time that they are met. Versions never change, and `disk.ts` checks
 * that, so the same extents of the same versions need not be read again; `forget` has all of it read again.
 */
import type { BucketReader, Stored } from "../../core/bucket/contract.ts";
import { readAll } from "../../core/bucket/stream.ts";
import type { Entry, Extent, FileEntry, ObjectRef } from "../../core/format/entries/entry.ts";
import { isWhole } from "../../core/format/manifest/manifest.ts";
import { baseName, toText } from "../../core/format/path.ts";
import { readManifest } from "../../core/manifest/read.ts";
import { walkParts } from "../../core/manifest/walk.ts";
import { fileAs, folderAs, linkAs, sha256, type Tree } from "./tree.ts";

export type Read = {
  readonly promise: Date;
  readonly name: string;
  /** Objects that it needs besides its root. */
  readonly needs: readonly Stored[];
  /** What it holds of the folder. */
  readonly tree: Tree;
  /** Bytes of its chunks, by pack and digest of the chunk. */
  readonly chunks: ReadonlyMap<string, ReadonlyMap<string, number>>;
};

const mostFrames = 16;
const mostFrameBytes = 16 * 1024 * 1024;

export class Contents {
  readonly #bucket: Pick<BucketReader, "get">;

  readonly #digests = new Map<string, string>();
  readonly #frames = new Map<string, Uint8Array>();

  constructor(bucket: Pick<BucketReader, "get">) {
    this.#bucket = bucket;
  }

  forget(): void {
    this.#digests.clear();
    this.#frames.clear();
  }

  /** Throws if anything is missing or not as recorded. `folder`: absolute path of what the tree hears of. */
  async read(key: string, folder: string): Promise<Read> {
    const manifest = await readManifest(this.#bucket, { key });
    const needs = new Map<string, Stored>();
    const need = ({ key, version, size }: Stored) => needs.set(`${key} ${version}`, { key, version, size });
    const tree = new Map<string, string>();
    const chunks = new Map<string, Map<string, number>>();
    const { dumps = [] } = manifest;
    for (const part of [...manifest.parts, ...dumps]) need(part);
    for (const snapshot of manifest.snapshots.filter(isWhole)) {
      need(snapshot);
      await this.#checkWhole(snapshot, snapshot.sha256);
    }
    const walk = {
      bucket: this.#bucket,
      concerns: () => true,
      wanted: () => true,
      onLost: ({ key }: Stored, { why }: { readonly why: string }) => {
        throw new Error(`the part ${key} is lost: ${why}`);
      },
      onBadEntry: ({ why }: { readonly why: string }) => {
        throw new Error(`an entry is lost: ${why}`);
      },
    };
    const ofDumps = new Map<string, string>();
    for await (const { objects, entries } of walkParts({ ...walk, manifest: { parts: dumps } })) {
      for (const object of objects) need(object);
      for (const entry of entries) {
        if (entry.type !== "file")
          throw new Error("a dump of the simulation is small, and nothing else is among dumps");
        addChunks(chunks, entry, objects);
        ofDumps.set(toText(baseName(entry.path)), await this.#digestOf(entry, objects));
      }
    }
    for (const { key, snapshotter, dump_sha256 } of manifest.snapshots)
      if (key === undefined && ofDumps.get(snapshotter) !== dump_sha256)
        throw new Error(`the dump ${snapshotter} has not its digest`);
    for await (const { objects, entries } of walkParts({ ...walk, manifest })) {
      for (const object of objects) need(object);
      for (const entry of entries) {
        if (entry.type === "segment") throw new Error("the machine has no file that goes on in segments");
        const path = toText(entry.path);
        if (entry.type === "file") addChunks(chunks, entry, objects);
        if (path.startsWith(`${folder}/`))
          tree.set(path.slice(folder.length + 1), await this.#described(entry, objects));
      }
    }
    const { retain_until, name } = manifest.header;
    return { promise: new Date(retain_until), name, needs: [...needs.values()], tree, chunks };
  }

  async #described(entry: Entry, objects: readonly ObjectRef[]): Promise<string> {
    if (entry.type === "folder") return folderAs;
    if (entry.type === "link") return linkAs(toText(entry.target));
    if (entry.type === "file") return fileAs(await this.#digestOf(entry, objects), entry.modified.seconds);
    return entry.type;
  }

  async #digestOf({ extents, holes, size }: FileEntry, objects: readonly ObjectRef[]): Promise<string> {
    if (holes.length > 0) throw new Error("no file of the simulation has holes");
    const places = extents.map((extent) => [objects[extent.object], extent] as const);
    const id = JSON.stringify(places);
    const known = this.#digests.get(id);
    if (known !== undefined) return known;
    const hasher = new Bun.CryptoHasher("sha256");
    for (const [object, extent] of places) hasher.update(await this.#extent(object, extent));
    const length = extents.reduce((sum, extent) => sum + extent.length, 0);
    if (length !== size) throw new Error(`a file of ${size} bytes has ${length} in its extents`);
    const digest = hasher.digest("hex");
    this.#digests.set(id, digest);
    return digest;
  }

  async #extent(object: ObjectRef | undefined, extent: Extent): Promise<Uint8Array> {
    if (object?.encoding !== "frames") throw new Error("an extent lies in no pack");
    const frame = await this.#frame(object, extent);
    const bytes = frame.subarray(extent.offset, extent.offset + extent.length);
    if (sha256(bytes) !== extent.sha256) throw new Error(`an extent in ${object.key} has not its digest`);
    return bytes;
  }

  async #frame({ key, version }: ObjectRef, { frameOffset, frameLength }: Extent): Promise<Uint8Array> {
    const id = `${key} ${version} ${frameOffset} ${frameLength}`;
    const known = this.#frames.get(id);
    if (known !== undefined) return known;
    const range = { start: frameOffset, length: frameLength };
    const stored = await readAll(this.#bucket.get(key, { version, range }), mostFrameBytes);
    const frame = Bun.zstdDecompressSync(Buffer.from(stored));
    const [oldest] = this.#frames.keys();
    if (this.#frames.size >= mostFrames && oldest !== undefined) this.#frames.delete(oldest);
    this.#frames.set(id, frame);
    return frame;
  }

  async #checkWhole({ key, version }: Stored, digest: string): Promise<void> {
    const bytes = await readAll(this.#bucket.get(key, { version }), mostFrameBytes);
    if (sha256(bytes) !== digest) throw new Error(`${key} has not its digest`);
  }
}

function addChunks(
  chunks: Map<string, Map<string, number>>,
  { extents }: FileEntry,
  objects: readonly ObjectRef[],
): void {
  for (const { object, sha256, length } of extents) {
    const pack = objects[object]?.key ?? "";
    const ofPack = chunks.get(pack) ?? new Map<string, number>();
    chunks.set(pack, ofPack);
    ofPack.set(sha256, length);
  }
}
