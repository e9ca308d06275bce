/**
 * Reads objects and hashes them: packs and snapshots as stored, and content extent by extent, as the manifests place it. So
 * damage is known by file. Holds one frame of each object in memory, whatever the size.
 */
import { type Encoding, filtersOf, isPack } from "../../core/format/codecs/encoding.ts";
import { decodeFrame, maxFrameContent } from "../../core/format/codecs/frame.ts";
import { isSealedForOthers } from "../../core/format/codecs/sealing.ts";
import { FormatError } from "../../core/format/error.ts";
import { lossOf } from "../../core/manifest/loss.ts";
import { digestOf, isContent, isWhole } from "../../core/manifest/references/references.ts";
import { Budget, eachOf } from "../../core/side-by-side.ts";
import { ObjectReading, readRange } from "../../core/stored/read.ts";
import { mayReadBetter } from "../../core/stored/second-read.ts";
import { Garbage, release } from "../../core/system/threads/garbage.ts";
import { checkFlowing, releasing } from "../fetching/flowing.ts";
import { framesIn, type StoredFrame } from "../fetching/frames.ts";
import type { CollectDeps } from "./collect.ts";
import type { Extents, NeededExtent } from "./extents.ts";
import type { CheckedObject } from "./findings.ts";
import type { Notes } from "./notes.ts";
import { readWhole, type WholeReading } from "./read-whole.ts";

export type ReadDataDeps = Pick<CollectDeps, "bucket" | "findings" | "extents" | "choose" | "signal"> & {
  readonly notes: Notes | undefined;
  readonly onProgress: (bytes: number) => void;
};

/** `noted`: objects that were noted for other hosts; `frozen`: that were not read, as they lie in an archive tier. */
export type ReadFigures = { objects: number; bytes: number; noted: number; frozen: number };

/** Number of objects read side by side. A frame holds 64 MiB at most, mostly 1, so memory stays within bounds. */
const atOnce = 3;

export async function readData(deps: ReadDataDeps): Promise<ReadFigures> {
  const { findings, choose, notes, signal, onProgress } = deps;
  const figures = { objects: 0, bytes: 0, frozen: 0 };
  const garbage = new Garbage();
  const memory = new Budget(maxFrameContent);
  await eachOf(findings.sound(), atOnce, async (row) => {
    // Root and parts were read for what they say.
    if (row.kind === "root" || row.kind === "part" || !choose(row)) return;
    signal.throwIfAborted();
    if (findings.isFrozen(row.id)) {
      figures.frozen += 1;
      return;
    }
    const count = (bytes: number) => {
      figures.bytes += bytes;
      garbage.left(bytes);
      signal.throwIfAborted();
      onProgress(figures.bytes);
    };
    const noted = await noteWhole(row, deps, { bucket: deps.bucket, memory, count });
    if (!noted) await readObject(row, deps, count);
    figures.objects += 1;
  });
  await noteLocks(deps);
  await notes?.finish();
  return { ...figures, noted: notes?.noted ?? 0 };
}

/** Reads and notes an object that is right. Returns false if there is nothing to note: then it is to be read for what is wrong. */
async function noteWhole(
  row: CheckedObject,
  { findings, extents, notes }: ReadDataDeps,
  reading: WholeReading,
): Promise<boolean> {
  const { kind } = row;
  const until = findings.lockEnd(row.id);
  if (notes === undefined || until === undefined || !isContent(kind) || !notes.lacks(row)) return false;
  // Verified objects name chunks by their digests, which nobody is to find in a bucket with sealed backups.
  if (isSealedForOthers(filtersOf(kind))) return false;
  const found = await readWhole({ ...row, kind }, () => extents.in(row.id), reading);
  if (found === undefined) return false;
  await notes.add(row, found, until);
  return true;
}

async function noteLocks({ findings, notes }: ReadDataDeps): Promise<void> {
  if (notes === undefined) return;
  for (const row of findings.sound()) {
    const until = findings.lockEnd(row.id);
    if (isContent(row.kind) && until !== undefined) await notes.addLock(row, until);
  }
}

type Count = (bytes: number) => void;

/** What a read found. `wrong`: some extents are, and are marked so; `failure`: the object could not be read to its end. */
type DataReading = { readonly wrong: boolean; readonly altered: boolean; readonly failure?: unknown };

async function readObject(row: CheckedObject, deps: ReadDataDeps, count: Count): Promise<void> {
  const first = await readOnce(row, deps, count);
  const asStored = digestOf(row) !== undefined && !first.altered;
  // Only what a second read finds, too, is damage.
  const { wrong, altered, failure } = mayBeBetter(first, asStored) ? await readOnce(row, deps, count) : first;
  const { findings, extents } = deps;
  if (failure !== undefined) {
    extents.unmark(row.id);
    const { how, damage } = lossOf(failure, row.key);
    return findings.add(row.id, damage ? "altered" : "not-checked", how, damage);
  }
  if (altered) {
    const costs = isWhole(row.kind) ? "" : !wrong ? "; no content that is needed is touched" : "";
    const how = `its bytes do not have the SHA-256 that is recorded${costs}`;
    findings.add(row.id, "altered", how, isWhole(row.kind));
  } else if (wrong) {
    const who = digestOf(row) === undefined ? "it does not hold" : "its bytes are as they were stored, but do not hold";
    findings.add(row.id, "wrong-content", `${who} what the manifest says`);
  }
}

/** `asStored`: its bytes have the digest that is known of them, so another read gives the same. */
function mayBeBetter({ wrong, altered, failure }: DataReading, asStored: boolean): boolean {
  return failure === undefined ? altered || (wrong && !asStored) : mayReadBetter(failure);
}

async function readOnce(row: CheckedObject, deps: ReadDataDeps, count: Count): Promise<DataReading> {
  const digest = digestOf(row);
  const hash = digest === undefined ? undefined : new Bun.CryptoHasher("sha256");
  const onStored = (piece: Uint8Array) => {
    hash?.update(piece);
    count(piece.length);
  };
  let wrong = false;
  deps.extents.unmark(row.id);
  try {
    const { key, version, kind } = row;
    const encoding = isContent(kind) ? kind : "none";
    await using reading = new ObjectReading(deps.bucket, { key, version, encoding }, onStored);
    // A manifest that asks for what no object can hold says nothing of the object's bytes: these are read to their end.
    if (isContent(kind))
      wrong = await checkContent(row, kind, reading, deps).catch((error) => allWrong(error, row, deps));
    await reading.rest();
  } catch (failure) {
    // Throws what ends the job.
    lossOf(failure, row.key);
    return { wrong, altered: false, failure };
  }
  return { wrong, altered: hash !== undefined && hash.digest("hex") !== digest };
}

function allWrong(error: unknown, { id }: CheckedObject, { extents }: ReadDataDeps): boolean {
  if (!(error instanceof FormatError)) throw error;
  extents.markAllWrong(id);
  return true;
}

/** Marks the extents of an object that are wrong. Returns whether there are any. */
async function checkContent(row: CheckedObject, encoding: Encoding, reading: ObjectReading, deps: ReadDataDeps) {
  const { extents } = deps;
  if (!isPack(encoding)) return checkWhole(row, reading, extents);
  const wrong = await checkPack({ ...row, encoding }, extents.in(row.id), reading, deps);
  extents.markWrong(row.id, wrong);
  return wrong.length > 0;
}

/** Extents that are marked at a time. */
const markedAtOnce = 500;

/** A bundle may have millions of extents: they are neither read nor noted all at once. */
async function checkWhole({ id }: CheckedObject, reading: ObjectReading, extents: Extents): Promise<boolean> {
  const wrong: NeededExtent[] = [];
  let found = false;
  const mark = () => extents.markWrong(id, wrong.splice(0));
  await checkFlowing(extents.inOrder(id), releasing(untilDamage(reading.content(Number.MAX_SAFE_INTEGER))), {
    expected: (extent) => extent,
    take: () => true,
    wrong: (extent) => {
      found = true;
      if (wrong.push(extent) >= markedAtOnce) mark();
    },
  });
  mark();
  return found;
}

/** Passes content on up to the first byte that cannot be decoded: the rest counts as missing. */
async function* untilDamage(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
  }
}

type CheckedFrame = {
  readonly offset: number;
  readonly length: number;
  readonly uses: readonly [];
  readonly extents: NeededExtent[];
};

/** Checks a pack. Overlapping frames, which only a wrong manifest has, are read one by one. */
async function checkPack(
  pack: CheckedObject & { readonly encoding: Encoding },
  extents: readonly NeededExtent[],
  reading: ObjectReading,
  { bucket }: ReadDataDeps,
) {
  const { inOrder, overlapping } = sorted(extents);
  const wrong: NeededExtent[] = [];
  const claims = new Map<StoredFrame["frame"], readonly NeededExtent[]>(inOrder.map((frame) => [frame, frame.extents]));
  const end = inOrder.reduce((last, { offset, length }) => Math.max(last, offset + length), 0);
  const all = { start: 0, length: end, frames: inOrder };
  for await (const { frame, stored } of framesIn(all, reading.content(end))) {
    for (const extent of await wrongIn(claims.get(frame) ?? [], stored)) wrong.push(extent);
  }
  for (const { offset, length, extents: claimed } of overlapping) {
    const range = { start: offset, length };
    const one = { ...range, frames: [{ offset, length, uses: [] }] };
    for await (const { stored } of framesIn(one, readRange(bucket, pack, range))) {
      for (const extent of await wrongIn(claimed, stored)) wrong.push(extent);
    }
  }
  return wrong;
}

function sorted(extents: readonly NeededExtent[]): {
  readonly inOrder: CheckedFrame[];
  readonly overlapping: CheckedFrame[];
} {
  const inOrder: CheckedFrame[] = [];
  const overlapping: CheckedFrame[] = [];
  let last: CheckedFrame | undefined;
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
