/**
 * Reads all of a pack or content and finds which chunks lie in it, by hashing each; and checks on the way what the manifests need
 * of it.
 */
import { BucketError } from "../../core/bucket/contract.ts";
import { type Encoding, filtersOf, isPack } from "../../core/format/codecs/encoding.ts";
import { FormatError } from "../../core/format/error.ts";
import { isContentKey } from "../../core/format/keys/keys.ts";
import { readPack } from "../../core/inventory/read-pack.ts";
import type { FoundObject } from "../../core/inventory/writer.ts";
import { digestOf } from "../../core/manifest/references/references.ts";
import type { Budget } from "../../core/side-by-side.ts";
import { counted } from "../../core/stored/bytes.ts";
import { type ObjectSource, readContent } from "../../core/stored/read.ts";
import { Unending } from "../../core/stored/unending.ts";
import { checkFlowing } from "../fetching/flowing.ts";
import type { NeededExtent } from "./extents.ts";
import type { CheckedObject } from "./findings.ts";

export type WholeReading = {
  readonly bucket: ObjectSource;
  readonly memory: Budget;
  readonly count: (bytes: number) => void;
};

type ContentRow = CheckedObject & { readonly kind: Encoding };

/** Returns undefined unless the object is right in every respect, and holds all that is needed of it: look closer then. */
export async function readWhole(
  row: ContentRow,
  extentsOf: () => readonly NeededExtent[],
  reading: WholeReading,
): Promise<FoundObject | undefined> {
  if (!isContentKey(row.key, row.kind)) return undefined;
  const extents = extentsOf();
  try {
    return isPack(row.kind) ? await wholePack(row, extents, reading) : await wholeContent(row, extents, reading);
  } catch (error) {
    if (error instanceof FormatError || error instanceof BucketError) return undefined;
    throw error;
  }
}

async function wholePack(
  row: ContentRow,
  extents: readonly NeededExtent[],
  { bucket, memory, count }: WholeReading,
): Promise<FoundObject | undefined> {
  const digest = digestOf(row);
  if (digest === undefined) return undefined;
  const needed = byFrame(extents);
  let wrong = false;
  const source: ObjectSource = { get: (key, options) => counted(bucket.get(key, options), count) };
  const found = await readPack(source, row, filtersOf(row.kind), {
    digest,
    memory,
    onFrame: ({ offset, length }, content) => {
      const frame = `${offset} ${length}`;
      wrong ||= (needed.get(frame) ?? []).some((extent) => !holds(content, extent));
      needed.delete(frame);
    },
  });
  return wrong || needed.size > 0 ? undefined : found;
}

function byFrame(extents: readonly NeededExtent[]): Map<string, NeededExtent[]> {
  const frames = new Map<string, NeededExtent[]>();
  for (const extent of extents) {
    const frame = `${extent.frameOffset} ${extent.frameLength}`;
    const others = frames.get(frame);
    if (others === undefined) frames.set(frame, [extent]);
    else others.push(extent);
  }
  return frames;
}

function holds(content: Uint8Array, { offset, length, sha256 }: NeededExtent): boolean {
  const bytes = content.subarray(offset, offset + length);
  return bytes.length === length && Bun.SHA256.hash(bytes, "hex") === sha256;
}

const contentKey = /^content\/([0-9a-f]{64})(?:\.|$)/;

/** Content is one chunk, whose id is the digest in the key. */
async function wholeContent(
  row: ContentRow,
  extents: readonly NeededExtent[],
  { bucket, count }: WholeReading,
): Promise<FoundObject | undefined> {
  const { key, version, size, kind } = row;
  const digest = contentKey.exec(key)?.[1];
  if (digest === undefined) return undefined;
  const hash = new Bun.CryptoHasher("sha256");
  let length = 0;
  const source: ObjectSource = { get: (...args) => counted(bucket.get(...args), count) };
  const content = readContent(source, { key, version, encoding: kind }, Number.MAX_SAFE_INTEGER);
  await using pieces = new Unending(content, (piece) => {
    hash.update(piece);
    length += piece.length;
  });
  let wrong = false;
  await checkFlowing(extents, pieces, {
    expected: (extent) => extent,
    take: () => true,
    wrong: () => {
      wrong = true;
    },
  });
  for await (const _ of pieces);
  if (wrong || hash.digest("hex") !== digest) return undefined;
  return { encoding: kind, frames: [{ offset: 0, length: size, chunks: [[digest, length]] }] };
}
