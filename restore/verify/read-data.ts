/**
 * Reads objects and hashes them: packs, parts and snapshots as stored, and content extent by extent as the manifests say
 * that it lies there, so that what is wrong is known to the file. One frame at a time is in memory, whatever the size.
 */
import { FormatError } from "../../core/format/error.ts";
import { decodeFrame, decodeStream } from "../../core/manifest/decode.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { digestOf } from "../../core/manifest/references/references.ts";
import { eachOf } from "../../core/side-by-side.ts";
import { Garbage, release } from "../../core/system/garbage.ts";
import { framesIn, type StoredFrame } from "../frames.ts";
import type { CollectDeps } from "./collect.ts";
import type { NeededExtent } from "./extents.ts";
import type { CheckedObject } from "./findings.ts";
import { checkFlowing } from "./flowing.ts";

export type ReadDataDeps = Pick<CollectDeps, "bucket" | "findings" | "extents" | "choose" | "signal"> & {
  readonly onProgress: (bytes: number) => void;
};

export type ReadFigures = { objects: number; bytes: number };

/** A frame holds 64 MiB at most, mostly 1: some of them side by side stay within bounds. */
const atOnce = 3;

export async function readData(deps: ReadDataDeps): Promise<ReadFigures> {
  const { findings, choose, signal, onProgress } = deps;
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
    await readObject(row, deps, count);
    figures.objects += 1;
  });
  return figures;
}

type Count = (bytes: number) => void;

async function readObject(row: CheckedObject, deps: ReadDataDeps, count: Count): Promise<void> {
  const { findings, extents } = deps;
  const digest = digestOf(row);
  const hash = digest === undefined ? undefined : new Bun.CryptoHasher("sha256");
  let wrong: readonly NeededExtent[];
  try {
    const stored = hashed(deps.bucket.get(row.key, { version: row.version }), hash, count);
    wrong = await checkExtents(row, stored, deps);
    for await (const _ of stored);
  } catch (error) {
    const { how, damage } = lossOf(error, row.key);
    return findings.add(row.id, damage ? "altered" : "not-checked", how, damage);
  }
  extents.markWrong(row.id, wrong);
  const altered = hash !== undefined && hash.digest("hex") !== digest;
  if (altered) {
    const costs = row.kind === "snapshot" ? "" : wrong.length === 0 ? "; no content that is needed is touched" : "";
    findings.add(
      row.id,
      "altered",
      `its bytes do not have the SHA-256 that is recorded${costs}`,
      row.kind === "snapshot",
    );
  } else if (wrong.length > 0) {
    const who = digest === undefined ? "it does not hold" : "its bytes are as they were stored, but do not hold";
    findings.add(row.id, "wrong-content", `${who} what the manifest says`);
  }
}

async function checkExtents(
  row: CheckedObject,
  stored: AsyncIterable<Uint8Array>,
  deps: ReadDataDeps,
): Promise<NeededExtent[]> {
  if (row.kind === "snapshot") return [];
  const extents = deps.extents.in(row.id);
  if (row.kind === "frames") return checkPack(row, extents, stored, deps);
  if (row.kind === "zstd" || row.kind === "gzip" || row.kind === "none")
    return checkFlowing(extents, decodeStream(stored, row.kind));
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

type Frame = {
  readonly offset: number;
  readonly length: number;
  readonly uses: readonly [];
  readonly extents: NeededExtent[];
};

/** Frames that overlap, which only a manifest that is wrong has, are asked for one by one. */
async function checkPack(
  row: CheckedObject,
  extents: readonly NeededExtent[],
  stored: AsyncIterable<Uint8Array>,
  deps: ReadDataDeps,
) {
  const { inOrder, overlapping } = sorted(extents);
  const wrong: NeededExtent[] = [];
  const claims = new Map<StoredFrame["frame"], readonly NeededExtent[]>(inOrder.map((frame) => [frame, frame.extents]));
  const read = { start: 0, length: row.size, frames: inOrder };
  for await (const { frame, stored: bytes } of framesIn(read, stored)) {
    wrong.push(...(await wrongIn(claims.get(frame) ?? [], bytes)));
  }
  for (const { offset, length, extents: claimed } of overlapping) {
    const range = { start: offset, length };
    const one = { start: offset, length, frames: [{ offset, length, uses: [] }] };
    const bytes = deps.bucket.get(row.key, { version: row.version, range });
    for await (const { stored: frame } of framesIn(one, bytes)) wrong.push(...(await wrongIn(claimed, frame)));
  }
  return wrong;
}

function sorted(extents: readonly NeededExtent[]): { readonly inOrder: Frame[]; readonly overlapping: Frame[] } {
  const inOrder: Frame[] = [];
  const overlapping: Frame[] = [];
  let last: Frame | undefined;
  for (const extent of extents) {
    const { frameOffset: offset, frameLength: length } = extent;
    if (last?.offset === offset && last.length === length) {
      last.extents.push(extent);
      continue;
    }
    last = { offset, length, uses: [], extents: [extent] };
    const before = inOrder.at(-1);
    (before !== undefined && offset < before.offset + before.length ? overlapping : inOrder).push(last);
  }
  return { inOrder, overlapping };
}

async function wrongIn(extents: readonly NeededExtent[], stored: Uint8Array): Promise<NeededExtent[]> {
  try {
    const content = await decodeFrame(stored);
    const wrong = extents.filter(({ offset, length, sha256 }) => {
      const bytes = content.subarray(offset, offset + length);
      return bytes.length < length || Bun.SHA256.hash(bytes, "hex") !== sha256;
    });
    release(content);
    return wrong;
  } catch (error) {
    if (error instanceof FormatError) return [...extents];
    throw error;
  }
}
