/** Bytes of index objects, and of a table's answers. */
import { encodeChunk, encodeObject, sharedKeys } from "../../../core/format/index/shared-chunk.ts";
import { answerBytes } from "./real-fleet.ts";

/** What a bucket gives as a version: how many characters, and how many bytes these take in an object that is compressed. */
export type VersionName = { readonly characters: number; readonly bytes: number };

/** In a folder they begin with the time, so that they have much in common. */
export const versionsOfFolder: VersionName = { characters: 22, bytes: 7 };
export const versionsOfS3: VersionName = { characters: 32, bytes: 31 };

/** Measured: an index object, or a verified object, has these bytes; and so many for each pack, without its version, and each chunk. */
const indexBytes = { object: 265, pack: 50, chunk: 35 } as const;

export function bytesOfIndex(objects: number, packs: number, chunks: number, version: VersionName): number {
  return indexBytes.object * objects + (indexBytes.pack + version.bytes) * packs + indexBytes.chunk * chunks;
}

export type StoredShape = {
  /** Stored bytes of a chunk, and of a pack and a frame at most. */
  readonly chunkBytes: number;
  readonly packBytes: number;
  readonly frameBytes: number;
  readonly version: VersionName;
};

/** Bounds of packs and frames, as archives have them. */
export const sizes = { packBytes: 16 * 1024 ** 2, frameBytes: 1024 ** 2 } as const;

/** Returns the bytes of three items: of a chunk in the middle of a pack with so many, of its pack, and of what says what was put. */
export function itemsOf(shape: StoredShape, chunksOfPack: number) {
  const { chunkBytes, packBytes, frameBytes, version } = shape;
  const content = Math.min(packBytes, chunksOfPack * chunkBytes);
  const frameLength = Math.min(frameBytes, content);
  const id = "0123456789abcdef".repeat(4);
  const pack = { key: `packs/${id}.zst`, version: "0".repeat(version.characters) };
  const frameOffset = Math.floor((content - frameLength) / 2);
  const chunk = { ...pack, frameOffset, frameLength, offset: Math.floor(frameLength / 2), length: chunkBytes };
  const object = { size: content, encoding: "frames" as const, retain_until: "2026-12-31T02:00:03.000Z" };
  const last = "index/host123/20261126T020003Z-9f86d081.jsonl.zst";
  return {
    chunk: answerBytes(sharedKeys.chunk("verified", id), encodeChunk(chunk)),
    pack: answerBytes(sharedKeys.object("verified", pack), encodeObject(object)),
    mark: answerBytes(sharedKeys.published({ name: "host123" }), { last }),
  };
}
