/**
 * Reads objects and hashes them: packs, parts and snapshots as stored, and content piece by piece as the manifests say
 * that it lies there, so that what is wrong is known to the file. One frame at a time is in memory, whatever the size.
 */
import { FormatError } from "../../core/format/error.ts";
import { decodeFrame, decodeStream } from "../../core/manifest/decode.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { eachOf } from "../../core/side-by-side.ts";
import { Garbage, release } from "../../core/system/garbage.ts";
import { framesIn, type StoredFrame } from "../frames.ts";
import type { CollectContext } from "./collect.ts";
import type { Piece } from "./extents.ts";
import type { Row } from "./findings.ts";
import { checkFlowing } from "./flowing.ts";

export type ReadContext = Pick<CollectContext, "bucket" | "findings" | "extents" | "choose" | "signal"> & {
  readonly onProgress: (bytes: number) => void;
};

export type ReadFigures = { objects: number; bytes: number };

/** A frame holds 64 MiB at most, mostly 1: some of them side by side stay within bounds. */
const atOnce = 3;

export async function readData(context: ReadContext): Promise<ReadFigures> {
  const { findings, choose, signal, onProgress } = context;
  const figures = { objects: 0, bytes: 0 };
  const garbage = new Garbage();
  await eachOf(findings.sound(), atOnce, async (row) => {
    // Root and parts were read for what they say.
    if (row.kind === "root" || row.kind === "part" || !choose(row.key)) return;
    signal.throwIfAborted();
    const count = (bytes: number) => {
      figures.bytes += bytes;
      garbage.left(bytes);
      signal.throwIfAborted();
      onProgress(figures.bytes);
    };
    await readObject(row, context, count);
    figures.objects += 1;
  });
  return figures;
}

type Count = (bytes: number) => void;

async function readObject(row: Row, context: ReadContext, count: Count): Promise<void> {
  const { findings, extents } = context;
  const hash = row.sha256 === "" ? undefined : new Bun.CryptoHasher("sha256");
  let wrong: readonly Piece[];
  try {
    const stored = hashed(context.bucket.get(row.key, { version: row.version }), hash, count);
    wrong = await checkPieces(row, stored, context);
    for await (const _ of stored);
  } catch (error) {
    const { how, damage } = lossOf(error, row.key);
    return findings.add(row.id, damage ? "altered" : "not-checked", how, damage);
  }
  extents.wrong(row.id, wrong);
  const altered = hash !== undefined && hash.digest("hex") !== row.sha256;
  if (altered) {
    const costs = row.kind === "snapshot" ? "" : wrong.length === 0 ? "; no content that is needed is touched" : "";
    findings.add(
      row.id,
      "altered",
      `its bytes do not have the SHA-256 that is recorded${costs}`,
      row.kind === "snapshot",
    );
  } else if (wrong.length > 0) {
    const who = row.sha256 === "" ? "it does not hold" : "its bytes are as they were stored, but do not hold";
    findings.add(row.id, "wrong-content", `${who} what the manifest says`);
  }
}

async function checkPieces(row: Row, stored: AsyncIterable<Uint8Array>, context: ReadContext): Promise<Piece[]> {
  if (row.kind === "snapshot") return [];
  const pieces = context.extents.of(row.id);
  if (row.kind === "frames") return checkPack(row, pieces, stored, context);
  if (row.kind === "zstd" || row.kind === "gzip" || row.kind === "none")
    return checkFlowing(pieces, decodeStream(stored, row.kind));
  return [];
}

/** The stream, hashed as it is read. Leaving a loop over it does not end it: the rest can still be read. */
function hashed(source: AsyncIterable<Uint8Array>, hash: Bun.CryptoHasher | undefined, count: Count) {
  const iterator = source[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    const result = await iterator.next();
    if (result.done) return { done: true, value: undefined };
    hash?.update(result.value);
    count(result.value.length);
    return result;
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

type Frame = { readonly offset: number; readonly length: number; readonly uses: readonly []; readonly pieces: Piece[] };

/** Frames that overlap, which only a manifest that is wrong has, are asked for one by one. */
async function checkPack(row: Row, pieces: readonly Piece[], stored: AsyncIterable<Uint8Array>, context: ReadContext) {
  const { inOrder, overlapping } = sorted(pieces);
  const wrong: Piece[] = [];
  const claims = new Map<StoredFrame["frame"], readonly Piece[]>(inOrder.map((frame) => [frame, frame.pieces]));
  const read = { start: 0, length: row.size, frames: inOrder };
  for await (const { frame, stored: bytes } of framesIn(read, stored)) {
    wrong.push(...(await wrongIn(claims.get(frame) ?? [], bytes)));
  }
  for (const { offset, length, pieces: claimed } of overlapping) {
    const range = { start: offset, length };
    const one = { start: offset, length, frames: [{ offset, length, uses: [] }] };
    const bytes = context.bucket.get(row.key, { version: row.version, range });
    for await (const { stored: frame } of framesIn(one, bytes)) wrong.push(...(await wrongIn(claimed, frame)));
  }
  return wrong;
}

function sorted(pieces: readonly Piece[]): { readonly inOrder: Frame[]; readonly overlapping: Frame[] } {
  const inOrder: Frame[] = [];
  const overlapping: Frame[] = [];
  let last: Frame | undefined;
  for (const piece of pieces) {
    const { frame_offset: offset, frame_length: length } = piece;
    if (last?.offset === offset && last.length === length) {
      last.pieces.push(piece);
      continue;
    }
    last = { offset, length, uses: [], pieces: [piece] };
    const before = inOrder.at(-1);
    (before !== undefined && offset < before.offset + before.length ? overlapping : inOrder).push(last);
  }
  return { inOrder, overlapping };
}

async function wrongIn(pieces: readonly Piece[], stored: Uint8Array): Promise<Piece[]> {
  try {
    const content = await decodeFrame(stored);
    const wrong = pieces.filter(({ at, length, sha256 }) => {
      const bytes = content.subarray(at, at + length);
      return bytes.length < length || Bun.SHA256.hash(bytes, "hex") !== sha256;
    });
    release(content);
    return wrong;
  } catch (error) {
    if (error instanceof FormatError) return [...pieces];
    throw error;
  }
}
